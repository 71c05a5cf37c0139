// An independent consumer of events, on the nats package: a line of JSON per event that JetStream delivers.
//   events.mjs follow DURABLE SUBJECT   a durable consumer from the stream's beginning; goes on until its standard input ends, whatever becomes of the server meanwhile
//   events.mjs all SUBJECT              everything that the stream holds now
import { AckPolicy, connect, DeliverPolicy, nanos } from "nats";

const [mode, ...names] = process.argv.slice(2);
const url = new URL(process.env.NATS_URL);
const connection = await connect({
	servers: url.host, user: url.username, pass: url.password,
	maxReconnectAttempts: -1, reconnectTimeWait: 100, waitOnFirstConnect: true,
});

const say = (message) => console.log(JSON.stringify({
	seq: message.seq, subject: message.subject, id: message.headers?.get("Nats-Msg-Id") ?? "", attempt: message.info.redeliveryCount,
	payload: Buffer.from(message.data).toString("base64"),
}));

async function consumer(settings) {
	const manager = await connection.jetstreamManager();
	// what was on its way when a fetch or the server ended comes again soon
	const { name } = await manager.consumers.add("CRM", {
		ack_policy: AckPolicy.Explicit, ack_wait: nanos(3000), deliver_policy: DeliverPolicy.All, ...settings,
	});
	return connection.jetstream().consumers.get("CRM", name);
}

async function take(from, max, patience) {
	for await (const message of await from.fetch({ max_messages: max, expires: patience })) {
		say(message);
		message.ack();
	}
}

async function follow(durable, subject) {
	let open = true;
	process.stdin.on("end", () => { open = false; }).resume();
	let from = null;
	while (open) {
		try {
			from ??= await consumer({ durable_name: durable, filter_subject: subject });
			await take(from, 500, 1000);
		} catch { // the server is away: the consumer goes on where it was
			await new Promise((resolve) => setTimeout(resolve, 50));
		}
	}
}

async function all(subject) {
	const from = await consumer({ filter_subject: subject });
	for (;;) {
		const { num_pending: pending } = await from.info();
		if (pending === 0)
			return;
		await take(from, Math.min(pending, 1000), 20000); // ends with the last of them
	}
}

await (mode === "follow" ? follow(...names) : all(...names));
await connection.close();
