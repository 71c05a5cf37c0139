/*
 * Sanitizers: which one this build runs under, and the poisoning of memory that is ours but not
 * handed out. Without a sanitizer everything here is nothing. For the files of base only.
 */
#pragma once

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#include <sanitizer/asan_interface.h>
#define MEMORY_POISON(p, n)   __asan_poison_memory_region((p), (n))
#define MEMORY_UNPOISON(p, n) __asan_unpoison_memory_region((p), (n))
#else
#define UNDER_ASAN            0
#define MEMORY_POISON(p, n)   ((void)(p), (void)(n))
#define MEMORY_UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define UNDER_TSAN 1
#else
#define UNDER_TSAN 0
#endif
