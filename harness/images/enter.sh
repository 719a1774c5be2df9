#!/bin/sh
# Becomes a program in an image's root, as a container runtime would start it, with no rights beyond its user's:
#   enter.sh ROOT USER:GROUP ro|rw TMP SHARED COMMAND…
# TMP is its /tmp, SHARED a folder that is there under the same name. Run it in a mount namespace of its own.
set -eu
root=$1 user=$2 mode=$3 tmp=$4 shared=$5
shift 5
mkdir -p "$root/proc" "$root/dev" "$root/tmp" "$root$shared"
[ -e "$root/etc/hosts" ] || : > "$root/etc/hosts"
mount --bind "$root" "$root"
[ "$mode" = rw ] || mount -o remount,bind,ro "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind /etc/hosts "$root/etc/hosts"
mount --bind "$tmp" "$root/tmp"
mount --bind "$shared" "$root$shared"
exec setpriv --no-new-privs chroot --userspec="$user" --groups= "$root" "$@"
