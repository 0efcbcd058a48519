#!/usr/bin/env bash
# Run a command with a display: tools/with_display.sh COMMAND [ARGUMENT ...]
#
# Where DISPLAY is set it is used. Else a private X server (Xvfb) with software OpenGL lives as long as the
# command does, and ZARR_VECTORS_HEADLESS=1 tells the command that nobody is looking.
# napari's settings and Qt's run-time files go to a temporary folder: the command neither reads nor writes HOME's.
set -uo pipefail
[ $# -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT ...]" >&2; exit 2; }

scratch=$(mktemp -d) || exit 1
xvfb=
finish() {
    [ -n "$xvfb" ] && kill "$xvfb" 2>/dev/null && wait "$xvfb" 2>/dev/null
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

export NAPARI_CONFIG=$scratch/napari-settings.yaml
if [ ! -w "${XDG_RUNTIME_DIR:-/nowhere}" ]; then
    mkdir -m 700 "$scratch/runtime"
    export XDG_RUNTIME_DIR=$scratch/runtime
fi

if [ -z "${DISPLAY:-}" ] && [ "$(uname)" = Linux ]; then
    command -v Xvfb >/dev/null || { echo "no DISPLAY and no Xvfb: run tools/bootstrap.sh system" >&2; exit 1; }
    Xvfb -displayfd 3 -screen 0 1600x1200x24 -nolisten tcp -noreset +extension GLX \
        3>"$scratch/display" >"$scratch/xvfb.log" 2>&1 &
    xvfb=$!
    for _ in $(seq 300); do
        [ -s "$scratch/display" ] && break
        kill -0 "$xvfb" 2>/dev/null || break
        sleep 0.1
    done
    if [ ! -s "$scratch/display" ]; then
        echo "Xvfb did not start:" >&2
        tail -n 5 "$scratch/xvfb.log" >&2
        exit 1
    fi
    DISPLAY=:$(cat "$scratch/display")
    export DISPLAY QT_QPA_PLATFORM=xcb LIBGL_ALWAYS_SOFTWARE=1 ZARR_VECTORS_HEADLESS=1
    unset WAYLAND_DISPLAY
fi

"$@"
