#!/bin/sh
# Names the aggregator of a host: the same one for the same id, whatever the order of the list.
#
#   sh conf/scaling/choose-aggregator.sh "$(cat /etc/machine-id)" 10.0.0.1 10.0.0.2 10.0.0.3
#
# It is the one with the largest SHA-256 of id and name (rendezvous hashing): where one is added or
# taken away, only hosts that come to it or were its own change places.
set -eu
id=$1
shift
for aggregator; do
  sum=$(printf '%s %s' "$id" "$aggregator" | sha256sum)
  echo "${sum%% *} $aggregator"
done | LC_ALL=C sort | tail -n 1 | cut -d ' ' -f 2
