#!/usr/bin/env bash
# tools/sqlgen: what becomes of the statements of a file, and what is refused.
set -euo pipefail
exec /usr/bin/python3 "$(dirname "${BASH_SOURCE[0]}")/sqlgen_cases.py"
