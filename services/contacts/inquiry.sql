-- Inquiries. Seen by those who may see the person they are from, and by who submitted them.

-- define: inquiry_columns
	q.id, q.create_time, q.creator_id, q.channel, q.channel_message_id, q.from_name, q.from_email, q.from_phone, q.region,
	q.subject, q.body, q.contact_id, q.state, q.first_response_time, q.receive_time;

-- name: inquiry_get :one RowKey -> Inquiry
SELECT :use(inquiry_columns)
FROM inquiry q JOIN contact c ON c.tenant_id = q.tenant_id AND c.id = q.contact_id
WHERE q.tenant_id = :call.tenant_id AND q.id = :id::uuid AND (q.creator_id = :call.user_id::uuid OR :visible(c));

-- name: inquiry_list :page ListInquiriesRequest -> Inquiry
SELECT :use(inquiry_columns)
FROM inquiry q JOIN contact c ON c.tenant_id = q.tenant_id AND c.id = q.contact_id
WHERE q.tenant_id = :call.tenant_id AND (q.creator_id = :call.user_id::uuid OR :visible(c)) AND :filter
ORDER BY :order LIMIT :limit;

-- name: inquiry_insert :must Inquiry
INSERT INTO inquiry (
	tenant_id, id, create_time, creator_id, channel, channel_message_id, from_name, from_email, from_phone, region,
	subject, body, contact_id, state, first_response_time, receive_time
) VALUES (
	:call.tenant_id, :id::uuid, :create_time, :creator_id::uuid, :channel, :channel_message_id, :from_name, :from_email, :from_phone, :region,
	:subject, :body, :contact_id::uuid, :state, :first_response_time, :receive_time
);

-- The one that was stored for a message of a channel.
-- name: inquiry_by_message :one ChannelMessage -> Inquiry
SELECT :use(inquiry_columns)
FROM inquiry q JOIN contact c ON c.tenant_id = q.tenant_id AND c.id = q.contact_id
WHERE q.tenant_id = :call.tenant_id AND q.channel = :channel AND q.channel_message_id = :channel_message_id AND q.channel_message_id <> ''
	AND (q.creator_id = :call.user_id::uuid OR :visible(c));

-- The person whose e-mail address or phone this is, whoever may see them: an inquiry belongs to the customer, not to who took it in. The key given first wins.
-- lint: no-visibility only the id is used, to link the inquiry
-- name: inquiry_find_contact :one ContactKeys -> ContactKeys
SELECT f.contact_id
FROM (
	SELECT k.key, k.contact_id, 1 AS rank
	FROM contact_key k JOIN contact c ON c.tenant_id = k.tenant_id AND c.id = k.contact_id
	WHERE k.tenant_id = :call.tenant_id AND k.key = ANY(:keys::text[]) AND c.delete_time IS NULL
	UNION ALL
	SELECT s.key, s.contact_id, 2
	FROM inquiry_sender s JOIN contact c ON c.tenant_id = s.tenant_id AND c.id = s.contact_id
	WHERE s.tenant_id = :call.tenant_id AND s.key = ANY(:keys::text[])
) f
ORDER BY f.rank, array_position(:keys::text[], f.key), f.contact_id
LIMIT 1;

-- Fails on inquiry_sender_pkey when another inquiry of the same new person came first.
-- name: inquiry_sender_insert :must ContactKeys
INSERT INTO inquiry_sender (tenant_id, key, contact_id)
SELECT :call.tenant_id, k.key, :contact_id::uuid
FROM unnest(:keys::text[]) AS k (key);

-- Inquiries of a person that nobody has answered.
-- name: inquiry_unanswered :many InquiryAnswer -> Inquiry
SELECT :use(inquiry_columns)
FROM inquiry q
WHERE q.tenant_id = :call.tenant_id AND q.contact_id = :contact_id::uuid AND q.state = 1
ORDER BY q.receive_time
LIMIT 100;

-- name: inquiry_answer :exec InquiryAnswer
UPDATE inquiry q SET state = 2, first_response_time = :time
WHERE q.tenant_id = :call.tenant_id AND q.id = :id::uuid AND q.state = 1;
