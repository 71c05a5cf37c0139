// The only file that speaks to libphonenumber. No exception leaves it.
#include "adapters/phone/phone_shim.h"

#include <cstring>
#include <string>

#include <phonenumbers/phonenumberutil.h>

using i18n::phonenumbers::PhoneNumber;
using i18n::phonenumbers::PhoneNumberUtil;

static enum phone_fault fault_of(PhoneNumberUtil::ErrorType type)
{
	switch (type) {
	case PhoneNumberUtil::NO_PARSING_ERROR:
		return PHONE_OK;
	case PhoneNumberUtil::INVALID_COUNTRY_CODE_ERROR:
		return PHONE_NO_COUNTRY;
	case PhoneNumberUtil::TOO_SHORT_AFTER_IDD:
	case PhoneNumberUtil::TOO_SHORT_NSN:
		return PHONE_TOO_SHORT;
	case PhoneNumberUtil::TOO_LONG_NSN:
		return PHONE_TOO_LONG;
	default:
		return PHONE_NOT_A_NUMBER;
	}
}

static enum phone_fault parse(const char *number, const char *region, char *out)
{
	const PhoneNumberUtil *util = PhoneNumberUtil::GetInstance();
	PhoneNumber parsed;
	const enum phone_fault fault = fault_of(util->Parse(number, *region ? region : "ZZ", &parsed));
	if (fault != PHONE_OK)
		return fault;
	switch (util->IsPossibleNumberWithReason(parsed)) {
	case PhoneNumberUtil::IS_POSSIBLE:
		break;
	case PhoneNumberUtil::TOO_SHORT:
		return PHONE_TOO_SHORT;
	case PhoneNumberUtil::TOO_LONG:
		return PHONE_TOO_LONG;
	case PhoneNumberUtil::INVALID_COUNTRY_CODE:
		return PHONE_NO_COUNTRY;
	default:
		return PHONE_NOT_POSSIBLE;
	}
	std::string e164;
	util->Format(parsed, PhoneNumberUtil::E164, &e164);
	if (e164.size() < PHONE_E164_MIN)
		return PHONE_TOO_SHORT;
	if (e164.size() >= PHONE_E164_SIZE)
		return PHONE_TOO_LONG;
	std::memcpy(out, e164.c_str(), e164.size() + 1);
	return PHONE_OK;
}

extern "C" enum phone_fault phone_shim_parse(const char *number, const char *region, char out[PHONE_E164_SIZE])
{
	try {
		return parse(number, region, out);
	} catch (...) {
		return PHONE_NOT_A_NUMBER;
	}
}
