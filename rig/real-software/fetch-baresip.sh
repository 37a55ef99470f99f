#!/bin/bash
# Prints the directory under which a baresip with the module `serreg` is installed.
#
# That module moves a phone between registrars by priority and polls the one that it left, as desk phones do. Debian 12's
# baresip lacks it, Debian 13's has it. Where the machine's own baresip has the module, the answer is `/`. Otherwise the
# packages are fetched by apt, with the mirror and the keyring that this machine already uses, and unpacked into a private
# directory: nothing is installed, no privilege is needed, and the second call finds them there.
#
# Exit code 77: it can't be had; the reason is on stderr.
set -euo pipefail

release=trixie
target=${XDG_CACHE_HOME:-$HOME/.cache}/siprig/baresip-$release

skip() { echo "$*" >&2; exit 77; }
has_serreg() { compgen -G "$1/usr/lib/baresip/modules/serreg.so" >/dev/null; }

if has_serreg "" && command -v baresip >/dev/null; then echo /; exit; fi
if has_serreg "$target"; then echo "$target"; exit; fi
command -v apt-get >/dev/null || skip "no baresip with serreg here, and no apt to fetch one"

# The mirror of the distribution itself, not of its security updates.
mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' "Created-By: Packages" |
  awk -v own="$(. /etc/os-release; echo "${VERSION_CODENAME:-none}")" '$1 == own && $2 ~ /debian\/?$/ { print $2; exit }') ||
  skip "apt does not tell its mirrors"
[ -n "$mirror" ] || skip "apt's configuration names no Debian mirror"
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keyring" ] || skip "$keyring is missing, so packages of $release can't be verified"

mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{lists,archives}/partial "$work/root"
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror $release main" >"$work/sources.list"
# Of the machine's own configuration only the way to the mirror is kept: its hooks mean the machine, not this directory.
{
  apt-config dump | grep '^Acquire::' || true
  cat <<END
Dir::Etc::Main "/dev/null";
Dir::Etc::Parts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::Etc::SourceList "$work/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::State "$work";
Dir::State::Lists "$work/lists";
Dir::State::Status "$work/status";
Dir::Cache "$work";
Dir::Cache::Archives "$work/archives";
APT::Install-Recommends "false";
APT::Sandbox::User "";
Debug::NoLocking "true";
Acquire::Retries "3";
END
} >"$work/apt.conf"
export APT_CONFIG=$work/apt.conf
apt-get -qq update >"$work/log" 2>&1 || skip "the mirror offers no $release: $(tail -n 1 "$work/log")"
apt-get -qq -y install --download-only baresip-core >"$work/log" 2>&1 ||
  skip "baresip of $release can't be fetched: $(tail -n 1 "$work/log")"
for package in "$work"/archives/*.deb; do dpkg-deb -x "$package" "$work/root"; done
has_serreg "$work/root" || skip "baresip of $release has no module serreg"
mv -T "$work/root" "$target" 2>/dev/null || has_serreg "$target" || skip "$target is in the way"
echo "$target"
