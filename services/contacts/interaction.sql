-- Interactions: append-only. Seen by those who may see the contact or organization they were with.

-- define: interaction_columns
	i.id, i.create_time, i.creator_id, i.contact_id, i.organization_id, i.kind, i.direction, i.occur_time,
	i.subject, i.body, i.outcome, i.channel, i.channel_message_id, i.duration_seconds;

-- name: interaction_insert :must Interaction
INSERT INTO interaction (
	tenant_id, id, create_time, creator_id, contact_id, organization_id, kind, direction, occur_time,
	subject, body, outcome, channel, channel_message_id, duration_seconds
) VALUES (
	:call.tenant_id, :id::uuid, :create_time, :creator_id::uuid, :contact_id::uuid, :organization_id::uuid, :kind, :direction, :occur_time,
	:subject, :body, :outcome, :channel, :channel_message_id, :duration_seconds
);

-- The one that was logged for a message of a channel.
-- name: interaction_by_message :one ChannelMessage -> Interaction
SELECT :use(interaction_columns)
FROM interaction i
WHERE i.tenant_id = :call.tenant_id AND i.channel = :channel AND i.channel_message_id = :channel_message_id AND i.channel_message_id <> '';

-- define: timeline_columns
	t.time, t.id, i.id AS "interaction.id", i.create_time AS "interaction.create_time",
	i.creator_id AS "interaction.creator_id", i.contact_id AS "interaction.contact_id",
	i.organization_id AS "interaction.organization_id", i.kind AS "interaction.kind",
	i.direction AS "interaction.direction", i.occur_time AS "interaction.occur_time",
	i.subject AS "interaction.subject", i.body AS "interaction.body",
	i.outcome AS "interaction.outcome", i.channel AS "interaction.channel",
	i.channel_message_id AS "interaction.channel_message_id",
	i.duration_seconds AS "interaction.duration_seconds", q.id AS "inquiry.id",
	q.create_time AS "inquiry.create_time", q.creator_id AS "inquiry.creator_id",
	q.channel AS "inquiry.channel", q.channel_message_id AS "inquiry.channel_message_id",
	q.from_name AS "inquiry.from_name", q.from_email AS "inquiry.from_email",
	q.from_phone AS "inquiry.from_phone", q.region AS "inquiry.region",
	q.subject AS "inquiry.subject", q.body AS "inquiry.body",
	q.contact_id AS "inquiry.contact_id", q.state AS "inquiry.state",
	q.first_response_time AS "inquiry.first_response_time",
	q.receive_time AS "inquiry.receive_time";

-- The subquery t of each timeline gives the keys of a page; these joins fetch the rows.
-- define: timeline_rows
LEFT JOIN interaction i ON NOT t.is_inquiry AND i.tenant_id = :call.tenant_id AND i.id = t.id
LEFT JOIN inquiry q ON t.is_inquiry AND q.tenant_id = :call.tenant_id AND q.id = t.id;

-- The handler has checked that the caller may see the contact.
-- name: timeline_of_contact :page ListTimelineRequest -> TimelineEntry
SELECT
:use(timeline_columns)
FROM (
	SELECT i.occur_time AS time, i.id, false AS is_inquiry
	FROM interaction i
	WHERE i.tenant_id = :call.tenant_id AND i.contact_id = :contact_id::uuid
	UNION ALL
	SELECT q.receive_time, q.id, true
	FROM inquiry q
	WHERE q.tenant_id = :call.tenant_id AND q.contact_id = :contact_id::uuid
) t
:use(timeline_rows)
WHERE :filter
ORDER BY :order LIMIT :limit;

-- The handler has checked that the caller may see the organization; of its people's history, that of those whom the caller may see is included.
-- name: timeline_of_organization :page ListTimelineRequest -> TimelineEntry
WITH person (id) AS (
	SELECT c.id
	FROM affiliation a JOIN contact c ON c.tenant_id = a.tenant_id AND c.id = a.contact_id
	WHERE a.tenant_id = :call.tenant_id AND a.organization_id = :organization_id::uuid AND :visible(c)
)
SELECT
:use(timeline_columns)
FROM (
	SELECT i.occur_time AS time, i.id, false AS is_inquiry
	FROM interaction i
	WHERE i.tenant_id = :call.tenant_id AND i.organization_id = :organization_id::uuid
	UNION ALL
	SELECT i.occur_time, i.id, false
	FROM interaction i JOIN person p ON p.id = i.contact_id
	WHERE i.tenant_id = :call.tenant_id AND i.organization_id IS DISTINCT FROM :organization_id::uuid
	UNION ALL
	SELECT q.receive_time, q.id, true
	FROM inquiry q JOIN person p ON p.id = q.contact_id
	WHERE q.tenant_id = :call.tenant_id
) t
:use(timeline_rows)
WHERE :filter
ORDER BY :order LIMIT :limit;
