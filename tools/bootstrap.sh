#!/usr/bin/env bash
# Make this checkout ready to work: system libraries for Qt and OpenGL, then .venv with everything in it.
#
#   tools/bootstrap.sh system    only the system libraries (Debian and Ubuntu; elsewhere nothing is done)
#   tools/bootstrap.sh venv      only .venv
#   tools/bootstrap.sh           both
#
# PYTHON names the interpreter (default python3, 3.11 or newer). As root, missing packages are installed;
# otherwise the line that installs them is printed and the script ends with 1.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}

# One need a line; a need with several names is called differently by different releases.
SYSTEM_PACKAGES="
libgl1
libegl1
libopengl0
libglx-mesa0
libgl1-mesa-dri
libxkbcommon-x11-0
libxcb-icccm4
libxcb-image0
libxcb-keysyms1
libxcb-randr0
libxcb-render-util0
libxcb-shape0
libxcb-xinerama0
libxcb-xkb1
libxcb-cursor0
libdbus-1-3
libfontconfig1
libglib2.0-0t64|libglib2.0-0
fonts-dejavu-core
"

say() { printf 'set-up: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

on_debian() { command -v dpkg-query >/dev/null && command -v apt-get >/dev/null; }

# Those of the packages given that are installed, one a line.
installed_of() { dpkg-query -W -f '${Package} ${db:Status-Status}\n' "$@" 2>/dev/null | sed -n 's/ installed$//p'; }

is_offered() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | grep -q '^  Candidate: [^(]'; }

apt_updated=no
apt_update() {
    [ "$apt_updated" = yes ] && return
    apt_updated=yes
    say "apt-get update"
    apt-get update -qq || say "apt-get update failed; trying with the lists that are here"
}

# The name this release has for a need: the first that apt offers, else the last.
name_here() {
    local name
    for name in ${1//|/ }; do
        is_offered "$name" && break
    done
    printf '%s\n' "$name"
}

# Installs the needs given, or says how and ends.
require_packages() {
    local missing=() names=() need installed
    # shellcheck disable=SC2068  # every alternative is a word
    installed=$(installed_of ${@//|/ } || true)
    for need in "$@"; do
        grep -qxE "${need//+/\\+}" <<<"$installed" || missing+=("$need")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" = 0 ] && apt_update
    for need in "${missing[@]}"; do
        names+=("$(name_here "$need")")
    done
    if [ "$(id -u)" != 0 ]; then
        die "these packages are missing; as root: apt-get update && apt-get install -y --no-install-recommends ${names[*]}"
    fi
    say "apt-get install ${names[*]}"
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${names[@]}" >/dev/null
}

system_packages() {
    on_debian || return 0
    local needs=$SYSTEM_PACKAGES
    if [ -z "${DISPLAY:-}" ]; then
        needs="xvfb $needs"
    fi
    # shellcheck disable=SC2086  # one word a need
    require_packages $needs
}

python_version() { "$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])'; }

check_python() {
    command -v "$PYTHON" >/dev/null || die "no '$PYTHON' here; install Python 3.11 or newer, or call make PYTHON=/path/to/python"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "'$PYTHON' is Python $(python_version); 3.11 or newer is needed: make PYTHON=/path/to/python"
    if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
        on_debian || die "'$PYTHON' lacks the modules venv and ensurepip; install your system's package for them"
        require_packages "python$(python_version)-venv|python3-venv"
    fi
}

make_venv() {
    check_python
    # A virtual environment knows its own path: one that was copied or moved here is made anew.
    if [ -d .venv ] && ! { grep -qF "$PWD/.venv" .venv/pyvenv.cfg && .venv/bin/python -c 'import pip'; } 2>/dev/null; then
        rm -rf .venv
    fi
    [ -d .venv ] || "$PYTHON" -m venv .venv
    say "installing into .venv (some minutes the first time)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-input \
        --constraint constraints.txt --editable ".[pyqt5,pyqt6,dev]"
    say "done"
}

case "${1:-all}" in
    system) system_packages ;;
    venv) make_venv ;;
    all) system_packages; make_venv ;;
    *) die "unknown argument '$1'; one of: system, venv, or none for both" ;;
esac
