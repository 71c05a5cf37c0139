/*
 * Schema: look-ups. How it comes to be is in schema_load.c.
 */
#include "adapters/pb/pb.h"
#include "adapters/pb/pb_private.h"

enum status pb_schema_new(struct str file_descriptor_set, struct pb_schema **ret)
{
	struct pb_schema *s = mem_zalloc(sizeof(*s));
	s->arena = arena_new();
	struct map *maps[] = { &s->messages, &s->enums, &s->services, &s->methods, &s->files,
		&s->symbols, &s->comments };
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		map_init(maps[i]);
	enum status st = pb_schema_load(s, file_descriptor_set);
	if (st != ST_OK) {
		pb_schema_free(s);
		return st;
	}
	*ret = s;
	return ST_OK;
}

void pb_schema_free(struct pb_schema *s)
{
	if (!s)
		return;
	struct map *maps[] = { &s->messages, &s->enums, &s->services, &s->methods, &s->files,
		&s->symbols, &s->comments };
	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		map_done(maps[i]);
	arena_free(s->arena);
	mem_free(s);
}

const struct pb_message *pb_schema_message(const struct pb_schema *s, const char *full_name)
{
	const struct pb_message_info *m = map_get(&s->messages, str_c(full_name));
	return m ? &m->pub : NULL;
}

const struct pb_enum *pb_schema_enum(const struct pb_schema *s, const char *full_name)
{
	const struct pb_enum_info *e = map_get(&s->enums, str_c(full_name));
	return e ? &e->pub : NULL;
}

const struct pb_method *pb_schema_method(const struct pb_schema *s, struct str path)
{
	return map_get(&s->methods, path);
}

size_t pb_schema_services(const struct pb_schema *s, const struct pb_service *const **ret)
{
	*ret = s->service_list;
	return s->n_services;
}

const struct pb_service *pb_schema_service(const struct pb_schema *s, const char *full_name)
{
	return map_get(&s->services, str_c(full_name));
}

/* strcmp between a slice and a C string */
static int name_compare(struct str a, const char *b)
{
	size_t n = strlen(b);
	int order = memcmp(a.p, b, a.n < n ? a.n : n);
	return order != 0 ? order : (a.n > n) - (a.n < n);
}

static const struct pb_field *field_search(
	const struct pb_field *const *sorted, size_t n, struct str name, bool by_json)
{
	size_t low = 0, high = n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct pb_field *f = sorted[mid];
		int order = name_compare(name, by_json ? f->json_name : f->name);
		if (order == 0)
			return f;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct pb_field *pb_message_field(const struct pb_message *m, struct str name)
{
	return name.p ? field_search(pb_info(m)->by_name, m->n_fields, name, false) : NULL;
}

const struct pb_field *pb_message_field_by_json(const struct pb_message *m, struct str name)
{
	if (!name.p)
		return NULL;
	const struct pb_field *f = field_search(pb_info(m)->by_json, m->n_fields, name, true);
	return f ? f : pb_message_field(m, name);
}

const struct pb_check *pb_check_by_number(const struct pb_message_info *m, uint32_t number)
{
	if (number < m->n_small)
		return m->small[number];
	if (number < PB_SMALL_NUMBERS)
		return NULL;
	size_t low = 0, high = m->pub.n_fields;
	while (low < high) {
		size_t mid = (low + high) / 2;
		const struct pb_field *f = m->pub.by_number[mid];
		if (f->number == number)
			return &m->checks[f - m->pub.fields];
		if (number < f->number)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct pb_field *pb_message_field_by_number(const struct pb_message *m, uint32_t number)
{
	const struct pb_check *c = pb_check_by_number(pb_info(m), number);
	return c ? c->field : NULL;
}

const struct pb_enum_value *pb_enum_by_number(const struct pb_enum *e, int32_t number)
{
	const struct pb_enum_value **sorted = ((const struct pb_enum_info *)e)->by_number;
	size_t low = 0, high = e->n_values;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (sorted[mid]->number < number)
			low = mid + 1;
		else
			high = mid;
	}
	return low < e->n_values && sorted[low]->number == number ? sorted[low] : NULL;
}

const struct pb_enum_value *pb_enum_by_name(const struct pb_enum *e, struct str name)
{
	const struct pb_enum_value **sorted = ((const struct pb_enum_info *)e)->by_name;
	size_t low = 0, high = e->n_values;
	while (low < high) {
		size_t mid = (low + high) / 2;
		int order = name_compare(name, sorted[mid]->name);
		if (order == 0)
			return sorted[mid];
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static struct str file_found(const struct pb_file *f, const char **ret_file_name)
{
	if (!f)
		return (struct str){ 0 };
	if (ret_file_name)
		*ret_file_name = f->name;
	return f->bytes;
}

struct str pb_schema_file_of_symbol(
	const struct pb_schema *s, struct str symbol, const char **ret_file_name)
{
	return file_found(map_get(&s->symbols, symbol), ret_file_name);
}

struct str pb_schema_file_by_name(const struct pb_schema *s, struct str file_name)
{
	return file_found(map_get(&s->files, file_name), NULL);
}

struct str pb_schema_file_of_extension(const struct pb_schema *s, struct str containing_type,
	uint32_t number, const char **ret_file_name)
{
	for (const struct pb_extension *e = s->first_extension; e; e = e->next) {
		if (e->number == number && str_is(containing_type, e->extendee))
			return file_found(e->file, ret_file_name);
	}
	return (struct str){ 0 };
}

size_t pb_schema_extension_numbers(
	const struct pb_schema *s, struct str containing_type, uint32_t *ret, size_t max)
{
	size_t n = 0;
	for (const struct pb_extension *e = s->first_extension; e && n < max; e = e->next) {
		if (str_is(containing_type, e->extendee))
			ret[n++] = e->number;
	}
	return n;
}

size_t pb_schema_file_dependencies(
	const struct pb_schema *s, struct str file_name, const char *const **ret_names)
{
	const struct pb_file *f = map_get(&s->files, file_name);
	if (!f)
		return 0;
	*ret_names = f->deps;
	return f->n_deps;
}

const char *pb_schema_comment(const struct pb_schema *s, const char *symbol)
{
	const char *comment = map_get(&s->comments, str_c(symbol));
	return comment ? comment : "";
}
