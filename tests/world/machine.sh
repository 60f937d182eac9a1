#!/usr/bin/env bash
# Boots a real systemd without a virtual machine: as PID 1 in namespaces of its own, over a throw-away overlay of this
# machine's files. It shares the kernel and the network with this machine, and nothing else. machine.py calls it.
#
#   unshare --mount machine.sh FOLDER PACKAGES PYTHON
#
# FOLDER is an empty one but for FOLDER/opt, which holds what the new machine finds in /opt; PACKAGES goes below the
# site-packages there; PYTHON becomes /opt/python. The only line on the standard output is the process id of PID 1. It
# runs for as long as the standard input is open, so that it ends with its caller, however that one ends.
set -euo pipefail

folder=$1 packages=$2 python=$3 stage=${4:-outside}
root=$folder/root

# In a cgroup of its own: systemd takes the one it finds itself in for the whole machine's.
outside() {
  local group machine
  mkdir "$folder/scratch" "$folder/cgroup" "$root"
  mount --make-rprivate /
  mount --types cgroup2 cgroup2 "$folder/cgroup"
  group="$folder/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/wbiz-bridge-machine-$$"
  mkdir "$group"
  (
    echo "$BASHPID" >"$group/cgroup.procs"
    exec unshare --pid --fork --kill-child=KILL --mount --cgroup --uts --ipc "$0" "$folder" "$packages" "$python" inside
  ) </dev/null &
  machine=$!
  read -r _ || true
  kill -KILL "$machine" || true
  wait "$machine" || true
  for _ in {1..100}; do # until the last process in it has ended
    find "$group" -depth -type d -exec rmdir {} + 2>/dev/null && return
    sleep 0.05
  done
  return 1
}

inside() {
  local path pid
  read -r pid _ </proc/self/stat # as seen from outside: /proc is still the old one
  mount --types tmpfs tmpfs "$folder/scratch"
  mkdir "$folder/scratch/upper" "$folder/scratch/work"
  mount --types overlay --options "lowerdir=/,upperdir=$folder/scratch/upper,workdir=$folder/scratch/work" overlay "$root"

  # What boots here must not turn the real machine's knobs, nor write on its devices.
  mount --types proc proc "$root/proc"
  mount --bind "$root/proc/sys" "$root/proc/sys"
  mount --options remount,bind,ro "$root/proc/sys"
  mount --types sysfs --options ro sysfs "$root/sys"
  mount --types cgroup2 cgroup2 "$root/sys/fs/cgroup"
  mount --types tmpfs --options mode=755 tmpfs "$root/dev"
  for path in null zero full random urandom tty; do
    touch "$root/dev/$path"
    mount --bind "/dev/$path" "$root/dev/$path"
  done
  mkdir "$root/dev/pts" "$root/dev/shm"
  mount --types devpts --options newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
  ln -s pts/ptmx "$root/dev/ptmx"
  ln -s /proc/self/fd "$root/dev/fd"
  mount --types tmpfs --options mode=755 tmpfs "$root/run"
  for path in dev/shm tmp var/tmp; do
    mount --types tmpfs --options mode=1777 tmpfs "$root/$path"
  done

  # The bridge, its packages and its Python, at places that a service may see, wherever they are outside.
  rm -rf "$root/opt/python" "$root/opt/wbiz-bridge"
  cp --archive --no-target-directory "$folder/opt" "$root/opt"
  for path in "$root"/opt/wbiz-bridge/lib/python*/site-packages; do
    mount --types overlay --options "lowerdir=$path:$packages" overlay "$path"
  done
  mkdir "$root/opt/python"
  mount --bind "$python" "$root/opt/python"

  # None of this machine's own services: they would take its ports.
  find "$root/etc/systemd/system" -mindepth 1 -delete
  rm -rf "$root/etc/wbiz-bridge" "$root/var/lib/wbiz-bridge" "$root/var/lib/private/wbiz-bridge" "$root/var/log/journal"
  tr -d - </proc/sys/kernel/random/uuid >"$root/etc/machine-id"

  # Not chroot: inside one, the kernel gives no user namespaces, and so no PrivateUsers=.
  cd "$root"
  pivot_root . .
  umount --lazy .
  mount --make-rshared / # what systemd mounts for a service must arrive in that service's view: its credentials
  echo /opt/python/lib >/etc/ld.so.conf.d/python.conf
  ldconfig
  echo "$pid"
  exec env --ignore-environment container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=basic.target --show-status=no --log-level=notice >&2
}

"$stage"
