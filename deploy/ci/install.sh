#!/usr/bin/env bash
# Installs qb, and what it needs to plan and simulate without a stack, from this checkout, at the locked versions.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
members=(
  contracts libs/audit libs/audit_trail libs/billing libs/ci libs/cli libs/deployment libs/documents libs/experiments libs/gameday libs/gitops
  libs/incidents libs/isolation libs/kernel libs/lab libs/ledger libs/lineage libs/planning libs/pricing libs/probes libs/proof libs/protection libs/quantum
  libs/randomness libs/reconciliation libs/replay libs/runtime libs/scheduling libs/sdk libs/secrets libs/slo libs/stack libs/templates
)
locked=$(mktemp)
trap 'rm -f "$locked"' EXIT
# pip takes no hashes in constraints: names and versions only
sed -n 's/^\([A-Za-z0-9][^ ;]*==[^ ;\\]*\)\( *;[^\\]*\)\{0,1\}.*$/\1\2/p' "$root/requirements.lock" > "$locked"
python3 -m pip install --quiet --disable-pip-version-check --constraint "$locked" "${members[@]/#/$root/}"
