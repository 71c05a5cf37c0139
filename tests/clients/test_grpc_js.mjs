// @grpc/grpc-js against a service and through the gateway: all kinds of calls, deadlines, cancellation, status details, reflection.
import fs from "node:fs";
import path from "node:path";
import { randomUUID } from "node:crypto";
import grpc from "@grpc/grpc-js";
import loader from "@grpc/proto-loader";

const { CRM_BUILD, GATEWAY_ADDR, CONTACTS_ADDR, IDENTITY_ADDR, BOOTSTRAP_FILE } = process.env;
const definition = loader.loadFileDescriptorSetFromBuffer(fs.readFileSync(path.join(CRM_BUILD, "gen/all.pb")), { keepCase: true, longs: String, enums: String, defaults: true, oneofs: true });
const api = grpc.loadPackageDefinition(definition);
let failed = 0;

function report(fine, name, why = "") {
	failed += fine ? 0 : 1;
	console.log(`${fine ? "ok" : "not ok"} - ${name}${fine ? "" : `: ${JSON.stringify(why)}`}`);
}

const unary = (client, method, request, metadata = new grpc.Metadata(), options = { deadline: Date.now() + 10000 }) =>
	new Promise((resolve) => {
		const call = client[method](request, metadata, options, (error, answer) => resolve({ error, answer, trailers }));
		let trailers;
		call.on("status", (status) => (trailers = status.metadata));
	});

const collect = (call) =>
	new Promise((resolve) => {
		const list = [];
		call.on("data", (message) => list.push(message));
		call.on("end", () => resolve({ list }));
		call.on("error", (error) => resolve({ list, error }));
	});

// google.rpc.Status in grpc-status-details-bin: the messages of its BadRequest, read with the same descriptors
function fieldsAtFault(error) {
	const [bytes] = error.metadata.get("grpc-status-details-bin");
	return bytes ? [...bytes.toString("latin1").matchAll(/[a-z_]+(?:\.[a-z_]+|\[\d+\])*/g)].map((m) => m[0]) : [];
}

async function signIn() {
	const identity = new api.crm.identity.v1.IdentityService(IDENTITY_ADDR, grpc.credentials.createInsecure());
	const secret = randomUUID().replaceAll("-", "");
	fs.appendFileSync(BOOTSTRAP_FILE, `\n${secret}\n`);
	const password = "a password of length";
	const made = await unary(identity, "CreateTenant", { tenant: { key: "js", display_name: "JS" }, administrator_email: "a@example.com", administrator_name: "A", administrator_password: password, bootstrap_secret: secret });
	report(!made.error, "CreateTenant", made.error?.message);
	const signed = await unary(identity, "Authenticate", { password: { tenant_key: "js", email: "a@example.com", password } });
	report(!signed.error && signed.answer.access_token.split(".").length === 3, "Authenticate", signed.error?.message);
	identity.close();
	const metadata = new grpc.Metadata();
	metadata.set("authorization", `Bearer ${signed.answer?.access_token}`);
	return metadata;
}

async function checkUnary(client, metadata) {
	const created = await unary(client, "CreateContact", { contact: { name: { given: "Zoë", family: "Ďurišová" }, emails: [{ address: "zoe@example.com" }] }, request_id: randomUUID() }, metadata);
	report(!created.error && created.answer.display_name === "Zoë Ďurišová", "CreateContact", created.error?.message);
	const got = await unary(client, "GetContact", { id: created.answer?.id }, metadata);
	report(!got.error && got.answer.emails[0].address === "zoe@example.com" && got.answer.etag === "1", "GetContact", got.error?.message);
	const bad = await unary(client, "CreateContact", { contact: { emails: [{ address: "ok@example.com" }, { address: "nobody" }] } }, metadata);
	report(bad.error?.code === grpc.status.INVALID_ARGUMENT && fieldsAtFault(bad.error).includes("contact.emails[1].address"), "status details name the field", bad.error && fieldsAtFault(bad.error));
	const missing = await unary(client, "GetContact", { id: randomUUID() }, metadata);
	report(missing.error?.code === grpc.status.NOT_FOUND, "an unknown id is NOT_FOUND", missing.error?.message);
	const nobody = await unary(client, "GetContact", { id: randomUUID() });
	report(nobody.error?.code === grpc.status.UNAUTHENTICATED, "no token is UNAUTHENTICATED", nobody.error?.message);
}

async function checkStreams(client, metadata, prefix) {
	const imported = await new Promise((resolve) => {
		const call = client.ImportContacts(metadata, { deadline: Date.now() + 30000 }, (error, answer) => resolve({ error, answer }));
		call.write({ source: "js", key: `${prefix}-firm`, organization: { name: `Firma ${prefix}` } });
		for (let i = 0; i < 250; i++) call.write({ key: `${prefix}-${i}`, contact: { display_name: `Osoba ${prefix} ${i}` }, organization_key: `${prefix}-firm` });
		call.write({ key: `${prefix}-bad`, contact: { emails: [{ address: "no address" }] } });
		call.end();
	});
	const verdicts = imported.answer?.verdicts ?? [];
	report(imported.answer?.created_count === "251" && imported.answer?.invalid_count === "1", "ImportContacts: a client stream with a verdict per row", imported.error?.message ?? imported.answer);
	report(verdicts[251]?.outcome === "OUTCOME_INVALID" && verdicts[251]?.field.startsWith("contact.emails[0]"), "the bad row's verdict names the field", verdicts[251]);
	const exported = await collect(client.ExportContacts({ filter: `display_name = "Osoba ${prefix}*"` }, metadata, { deadline: Date.now() + 30000 }));
	report(exported.list.length === 250 && !exported.error, "ExportContacts: a server stream", exported.error?.message ?? exported.list.length);
}

async function checkEndings(client, metadata) {
	const late = await unary(client, "ListContacts", {}, metadata, { deadline: Date.now() - 1 });
	report(late.error?.code === grpc.status.DEADLINE_EXCEEDED, "a deadline that has passed is DEADLINE_EXCEEDED", late.error?.message);
	const cancelled = await new Promise((resolve) => {
		const call = client.ImportContacts(metadata, { deadline: Date.now() + 30000 }, (error) => resolve(error));
		call.write({ source: "js", key: "cancelled", contact: { display_name: "X" } }, () => call.cancel());
	});
	report(cancelled?.code === grpc.status.CANCELLED, "a cancelled call is CANCELLED", cancelled?.message);
	const stopped = client.ExportContacts({}, metadata, { deadline: Date.now() + 30000 });
	const outcome = await new Promise((resolve) => {
		stopped.once("data", () => stopped.cancel());
		stopped.on("error", resolve);
		stopped.on("end", () => resolve(null));
	});
	report(outcome?.code === grpc.status.CANCELLED, "a stream can be cancelled midway", outcome?.message);
	const after = await unary(client, "ListContacts", { page_size: 1 }, metadata);
	report(!after.error && after.answer.contacts.length === 1 && after.answer.next_page_token !== "", "the connection goes on serving", after.error?.message);
}

async function checkReflection(address, expected) {
	const client = new api.grpc.reflection.v1.ServerReflection(address, grpc.credentials.createInsecure());
	const call = client.ServerReflectionInfo();
	const answers = collect(call);
	call.write({ list_services: "" });
	call.write({ file_containing_symbol: expected });
	call.end();
	const { list, error } = await answers;
	const names = list[0]?.list_services_response?.service.map((s) => s.name) ?? [];
	report(names.includes(expected), `reflection lists ${expected}`, error?.message ?? names);
	report((list[1]?.file_descriptor_response?.file_descriptor_proto.length ?? 0) > 3, "reflection gives the files of a symbol", list[1]);
	client.close();
}

const metadata = await signIn();
for (const [name, address] of [["direct", CONTACTS_ADDR], ["gateway", GATEWAY_ADDR]]) {
	console.log(`# ${name}`);
	const client = new api.crm.contacts.v1.ContactsService(address, grpc.credentials.createInsecure());
	await checkUnary(client, metadata);
	await checkStreams(client, metadata, name);
	await checkEndings(client, metadata);
	await checkReflection(address, "crm.contacts.v1.ContactsService");
	client.close();
}
await checkReflection(GATEWAY_ADDR, "crm.identity.v1.IdentityService");
process.exit(failed ? 1 : 0);
