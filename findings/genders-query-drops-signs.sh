#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# genders 1.22-1+b5 (Debian 12): a sign of a query that its words do not have is dropped without a
# word.  genders_query_parse.l matches words of [a-zA-Z0-9_.=:%\/+] with single - | & inside them;
# flex hands on what no rule matches, and the output goes to /dev/null.  So an attribute that the
# file has, and that nodeattr -l lists, is asked for by another name: _gpu asks for gpu, a- for a.
# Expected of a query that cannot be read: an error, as a@b gives it.  Exit 1 where that changes.
set -euo pipefail

version=1.22-1+b5
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download -q "genders=$version" "libgenders0=$version" >/dev/null
for package in ./*.deb; do dpkg -x "$package" root; done
export LD_LIBRARY_PATH=$folder/root/usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo x86_64-linux-gnu)
nodeattr=$folder/root/usr/bin/nodeattr

cat >genders <<'GENDERS'
node001 _gpu,a-,category=a-
node002 gpu,a,category=a
GENDERS
"$nodeattr" -f genders -k 2>&1
echo "attributes: $("$nodeattr" -f genders -l | sort | tr '\n' ' ')"
for query in _gpu a- category=a-; do
  answer=$("$nodeattr" -f genders -n "$query")
  echo "$query: $answer"
  [[ $answer == node002 ]] || { echo "changed: node002 was seen for $query"; exit 1; }
done
