/*
 * contacts: what the files of this service share. The table of methods is in methods.c, what is
 * particular about a resource in its own file.
 * Threads: the loop's fibers.
 */
#pragma once
#include "crm/contacts/v1/contacts_service.pb-c.h"
#include "crm/internal/v1/contacts.pb-c.h"
#include "kit/event.h"
#include "kit/resource.h"
#include "kit/service.h"
#include "kit/write.h"
#include "services/contacts/sql.h"

struct contacts_settings {
	const char *default_region; /* dialling rules of numbers without "+" */
};
extern struct contacts_settings contacts_settings; /* main.c; constant after start */

extern const struct method_entry contacts_methods[];

extern const struct resource contact_resource, organization_resource, affiliation_resource;

/* Handlers that are not standard methods; named in methods.c. */
enum status search_contacts(struct call *call);
enum status import_contacts(struct call *call);
enum status export_contacts(struct call *call);
enum status log_interaction(struct call *call);
enum status list_timeline(struct call *call);
enum status submit_inquiry(struct call *call);
enum status get_inquiry(struct call *call);
enum status list_inquiries(struct call *call);

/* Emails, phones and primary marks of a contact or organization, put in order in place: numbers get
 * their E.164 form, one entry of each kind is primary. field: the resource's name in the request
 * ("contact"), for what is said about a fault. */
enum status normalise_channels(struct call *call, const char *field, Crm__EmailAddress **emails,
	size_t n_emails, Crm__PhoneNumber **phones, size_t n_phones) MUST_CHECK;

/* Adds, to the batch of an answer to a person, that their open inquiries are answered; appends to
 * changes (room for ANSWERS_MAX more). */
enum { ANSWERS_MAX = 100 };
enum status answer_inquiries(struct call *call, struct db_batch *b, const char *contact_id,
	const Google__Protobuf__Timestamp *time, struct change *changes, size_t *n_changes)
	MUST_CHECK;
