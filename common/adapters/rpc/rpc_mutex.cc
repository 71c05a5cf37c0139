/*
 * Debian builds abseil with its lock-order checker on: every lock that gRPC takes then passes
 * through one global graph under one spin lock, about a tenth of a call's cost. It is a tool for
 * gRPC's developers, not for ours.
 */
#include <absl/synchronization/mutex.h>

extern "C" void rpc_relax_mutexes(void);

void rpc_relax_mutexes(void)
{
	absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}
