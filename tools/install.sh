#!/bin/sh
# Installs packages of requirements.lock into .venv; ends at once if they are there already.
#
#     sh tools/install.sh demo        what `make demo` needs
#     sh tools/install.sh all         what every command needs
#
# PYTHON=python3.12 asks for that version, PYTHON=/a/path for that interpreter. Otherwise the
# first suitable one is taken: python3, then python3.13 and older ones on PATH, then those of
# pyenv, then those of uv. Packages are installed by uv; pip fetches uv where it is missing, and
# takes over where uv fails (pip knows other settings for mirrors and proxies).
set -eu

fail() {
    echo "error: $*" >&2
    exit 1
}

wanted=${1:-}
case $wanted in
    demo | all) ;;
    *) fail "usage: sh tools/install.sh demo, or all" ;;
esac
folder=$(pwd -P)
case $folder in *:*) fail "the name of this folder has a colon, which PATH cannot hold" ;; esac
stamp=.venv/.installed
bounds='^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"$'
oldest=$(sed -n "s/$bounds/\1/p" pyproject.toml)
newest=$(($(sed -n "s/$bounds/\2/p" pyproject.toml) - 1))
# .venv may be replaced: its own python and uv are of no use for that.
PATH=$(printf %s "$PATH" | tr : '\n' | grep -vxF "$folder/.venv/bin" | paste -s -d : -)
uv=$(command -v uv || true)
[ -z "$uv" ] || "$uv" --version >/dev/null 2>&1 || uv=
# Settings that would have pip install elsewhere.
unset PYTHONHOME PIP_DRY_RUN PIP_PREFIX PIP_PYTHON PIP_ROOT PIP_TARGET PIP_USER
export PIP_REQUIRE_VIRTUALENV=1

# For a Python of any version. It answers "yes" and the interpreter behind links, shims and
# environments; "bare" and its name if it would have to make an environment, and cannot; or
# "no" and what it is.
QUESTION='
import os, sys, sysconfig
oldest, newest, environments = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
version = "%d.%d.%d" % sys.version_info[:3]
sys.stdout.write("answer: ")
if sys.version_info[0] != 3 or not oldest <= sys.version_info[1] <= newest:
    print("no " + version)
elif sys.implementation.name != "cpython":
    print("no %s (%s)" % (version, sys.implementation.name))
elif sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("no %s (free-threaded)" % version)
elif sys.maxsize < 2**32:
    print("no %s (32 bits)" % version)
else:
    try:
        import ensurepip, venv
        environments = "yes"
    except ImportError:
        pass
    name = "python%d.%d" % sys.version_info[:2]
    print("yes " + os.path.realpath(sys.executable) if environments else "bare " + name)
'

# Asks $1. With uv, or a $2, it does not have to make environments.
ask() {
    env "$1" -c "$QUESTION" "$oldest" "$newest" "${2:-$uv}" 2>/dev/null </dev/null |
        sed -n 's/^answer: //p'
}

versions() {
    minor=$newest
    while [ "$minor" -ge "$oldest" ]; do
        echo "3.$minor"
        minor=$((minor - 1))
    done
}

candidates() {
    echo python3
    for version in $(versions); do
        echo "python$version"
    done
    for version in $(versions); do
        ls -d "${PYENV_ROOT:-${HOME:-}/.pyenv}/versions/$version".*/bin/python3 2>/dev/null || true
    done
    [ -z "$uv" ] || UV_PYTHON_DOWNLOADS=never "$uv" python find --no-project \
        ">=3.$oldest,<3.$((newest + 1))" 2>/dev/null || true
}

# What to do, without a suitable Python.
advice() {
    if [ -n "$uv" ]; then
        how="run \`uv python install 3.$newest\`"
    elif command -v pyenv >/dev/null; then
        how="run \`pyenv install 3.$newest\`"
    elif command -v brew >/dev/null; then
        how="run \`brew install python@3.$newest\`"
    else
        how="install Python 3.$newest, or uv and then \`uv python install 3.$newest\`"
    fi
    echo "$how, and run the same command again"
}

# The interpreter to use: the first suitable one of the candidates.
choose() {
    none="there is no python3"
    bare=
    while IFS= read -r candidate; do
        answer=$(ask "$candidate")
        case $answer in
            "yes "*) echo "${answer#yes }" && return ;;
            "bare "*) bare=${bare:-${answer#bare }} ;;
            "no "*) [ "$candidate" != python3 ] || none="python3 is ${answer#no }" ;;
        esac
    done
    [ -z "$bare" ] || fail "$bare cannot make environments: install its module venv (Debian," \
        "Ubuntu: apt install $bare-venv) or uv, and run the same command again"
    [ -z "${PYTHON:-}" ] || fail "PYTHON=$PYTHON is not here: $(advice)"
    fail "TensorFlow needs Python 3.$oldest to 3.$newest, and $none: $(advice)"
}

find_python() {
    allowed="python3.$oldest to python3.$newest, or the path of one"
    case ${PYTHON:-} in
        "") candidates | choose ;;
        python3.[0-9] | python3.[0-9][0-9])
            minor=${PYTHON#python3.}
            if [ "$minor" -lt "$oldest" ] || [ "$minor" -gt "$newest" ]; then
                fail "PYTHON=$PYTHON: TensorFlow has no packages for it; allowed: $allowed"
            fi
            oldest=$minor newest=$minor
            candidates | choose
            ;;
        *)
            answer=$(ask "$PYTHON")
            case $answer in
                "yes "*) echo "${answer#yes }" ;;
                "bare "*) echo "$PYTHON" | choose ;;
                "no "*) fail "PYTHON=$PYTHON is Python ${answer#no }; allowed: $allowed" ;;
                *) fail "PYTHON=$PYTHON does not run; allowed: $allowed" ;;
            esac
            ;;
    esac
}

make_environment() {
    if [ -n "$uv" ]; then
        "$uv" venv --quiet --allow-existing --python "$python" .venv && return
    fi
    "$python" -m venv .venv
}

# The lines of one part of requirements.lock.
part() {
    sed -n "/^# part $1:/,/^$/p" requirements.lock
}

# How many MB that part has to download.
megabytes() {
    sed -n "s/^# part $1: about \([0-9]*\) MB.*/\1/p" requirements.lock
}

by_pip() {
    .venv/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps \
        ${compile_later:+--no-compile} "$@"
}

# Which files are in .venv, but for those of pip and uv and what Python compiled.
state() {
    find .venv/lib ! -name '*.pyc' ! -path '*/pip*' ! -path '*/uv*' 2>/dev/null | cksum
}

install() {
    # Python compiles a module when it first imports it, which takes less time than to compile
    # all of them now. Where it may not keep what it compiled, each process would do it again.
    compile_later=yes
    if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
        compile_later=
        export UV_COMPILE_BYTECODE=1
    fi
    part demo >.venv/packages.txt
    [ "$wanted" = demo ] || part more >>.venv/packages.txt
    part uv >.venv/uv.txt
    if [ -z "$uv" ] && by_pip --quiet -r .venv/uv.txt; then
        uv=.venv/bin/uv
    fi
    # In a terminal both show how far they are.
    quiet=
    [ -t 2 ] || quiet=yes
    if [ -n "$uv" ]; then
        "$uv" pip sync --python .venv/bin/python --require-hashes ${quiet:+--quiet} \
            .venv/packages.txt && return
        # pip would take for whole what uv left half done.
        [ "$(state)" = "$state_before" ] || return 1
        echo "uv could not install them; trying pip" >&2
    fi
    .venv/bin/python -m ensurepip >/dev/null && by_pip ${quiet:+--quiet} -r .venv/packages.txt
}

# The stamp says interpreter, folder, packages, and the sum of the lock file; nothing, while an
# installation runs.
sum=$(cksum <requirements.lock)
had_python='' had_folder='' had_packages='' had_sum=''
[ ! -e "$stamp" ] || IFS='|' read -r had_python had_folder had_packages had_sum <"$stamp" || true
python=
[ -z "${PYTHON:-}" ] || python=$(find_python)
usable=
if [ "$had_folder" = "$folder" ] && [ "${python:-$had_python}" = "$had_python" ] &&
    [ "$(ask .venv/bin/python yes)" = "yes $had_python" ]; then
    usable=yes
    python=$had_python
    [ "$had_packages" = demo ] || wanted=all
    [ "$wanted|$sum" != "$had_packages|$had_sum" ] || exit 0
fi
[ -n "$python" ] || python=$(find_python)

# Held until this process and those that it starts have ended.
exec 9<pyproject.toml
"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null ||
    fail "another make installs packages into .venv; wait for its end"
# What was not touched stays usable, also after Ctrl-C.
finish() {
    [ -z "$usable" ] || [ -s "$stamp" ] || [ "$(state)" != "$state_before" ] ||
        echo "$had_python|$folder|$had_packages|$had_sum" >"$stamp"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ -z "$usable" ]; then
    [ ! -L .venv ] || fail ".venv is a link: remove it"
    [ ! -e .venv ] || [ -e "$stamp" ] || rmdir .venv 2>/dev/null ||
        fail ".venv was not made by make: move it elsewhere"
fi
if [ -n "$usable" ] && [ "$sum" != "$had_sum" ]; then
    size="what changed"
else
    size=0
    [ -n "$usable" ] || size=$(megabytes demo)
    [ "$wanted" = demo ] || size=$((size + $(megabytes more)))
    [ -n "$uv$usable" ] || size=$((size + $(megabytes uv)))
    size="about $size MB"
fi
echo "Installing packages into .venv for $("$python" --version): $size to download, once" >&2
if [ -z "$usable" ]; then
    # Away in one step: half of it might look whole.
    rm -rf .venv-before
    [ ! -e .venv ] || mv .venv .venv-before
    rm -rf .venv-before
    mkdir .venv
    : >"$stamp"
    make_environment || fail "no environment could be made, for the reason above"
fi
state_before=$(state)
: >"$stamp"
install || fail "the packages could not be installed, for the reason above; look at network" \
    "and disk, and run the same command again"
echo "$python|$folder|$wanted|$sum" >"$stamp"
