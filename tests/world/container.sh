#!/usr/bin/env bash
# Runs a command as a container engine would run it from the image of deploy/Dockerfile: as PID 1 of namespaces of its
# own, on a root file system that can't be written, as a user without an entry in /etc/passwd, without rights. It shares
# the kernel and the network with this machine. container.py calls it:
#
#   unshare --mount --uts --ipc --cgroup --pid --fork --kill-child=KILL container.sh \
#     FOLDER PACKAGES PYTHON USER TMP COMMAND...
#
# FOLDER/opt becomes the image's /opt, with PACKAGES below the site-packages there and PYTHON as /opt/python;
# FOLDER/tini its tini; FOLDER/config, FOLDER/secrets and FOLDER/data are mounted as Kubernetes mounts them, and where TMP
# is yes, an empty /tmp. The first line on the standard output is the process id of PID 1, as this machine has it.
set -euo pipefail

folder=$1 packages=$2 python=$3 user=$4 tmp=$5
shift 5
root=$folder/root

read -r pid _ </proc/self/stat # as seen from outside: /proc is still the old one
mount --make-rprivate /
mkdir --parents "$root"
mount --types tmpfs --options mode=755 tmpfs "$root"
mkdir "$root"/{usr,proc,dev,etc,opt,run,data,tmp}
for name in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$name" ]; then cp --no-dereference "/$name" "$root/$name"; fi
done
mount --bind /usr "$root/usr"
mount --options remount,bind,ro "$root/usr"
cp --archive /etc/. "$root/etc"
rm -rf "$root/etc/wbiz-bridge"

mount --types proc proc "$root/proc"
for name in null zero full random urandom; do
  touch "$root/dev/$name"
  mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
mount --types tmpfs --options mode=1777 tmpfs "$root/dev/shm"

cp --archive "$folder/opt/." "$root/opt"
for path in "$root"/opt/wbiz-bridge/lib/python*/site-packages; do
  mount --types overlay --options "lowerdir=$path:$packages" overlay "$path"
done
mkdir "$root/opt/python"
mount --bind "$python" "$root/opt/python"
mount --options remount,bind,ro "$root/opt/python"
install --mode=755 "$folder/tini" "$root/opt/wbiz-bridge/bin/tini"
echo /opt/python/lib >"$root/etc/ld.so.conf.d/python.conf"
ldconfig -r "$root"

mkdir "$root/etc/wbiz-bridge" "$root/run/secrets"
mount --bind "$folder/config" "$root/etc/wbiz-bridge"
mount --options remount,bind,ro "$root/etc/wbiz-bridge"
mount --bind "$folder/secrets" "$root/run/secrets"
mount --options remount,bind,ro "$root/run/secrets"
mount --bind "$folder/data" "$root/data"
if [ "$tmp" = yes ]; then mount --types tmpfs --options mode=1777 tmpfs "$root/tmp"; fi
mount --options remount,ro "$root"

cd "$root"
pivot_root . .
umount --lazy .
echo "$pid"
exec setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
