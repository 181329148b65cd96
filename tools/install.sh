#!/bin/sh
# Installs a part of requirements.lock into .venv; ends at once if it is there already.
#
#     sh tools/install.sh PART        PART: demo or all
#
# PYTHON=python3.12 asks for that version, PYTHON=/a/path for that interpreter. Otherwise the
# first suitable one is taken: python3, then python3.13 and older ones, those of pyenv, those
# of uv. Packages are installed by uv; pip fetches uv where there is none, and takes over where
# uv fails (it knows other settings for mirrors and proxies).
set -eu

part=$1
folder=$(pwd)
stamp=.venv/.installed
bounds='^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"$'
oldest=$(sed -n "s/$bounds/\1/p" pyproject.toml)
newest=$(($(sed -n "s/$bounds/\2/p" pyproject.toml) - 1))
allowed="3.$oldest to 3.$newest"
# What stands in .venv may be about to be replaced.
PATH=$(printf %s "$PATH" | tr : '\n' | grep -vxF "$folder/.venv/bin" | paste -s -d : -)
uv=$(command -v uv || true)

fail() {
    echo "error: $*" >&2
    exit 1
}

# For a Python of any version. It answers "yes" and the interpreter behind links, shims and
# environments; "bare" if it lacks what makes environments; or "no" and what it is.
QUESTION='
import sys, sysconfig
oldest, newest, uv = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
version = "%d.%d.%d" % sys.version_info[:3]
name = sys.implementation.name if sys.version_info > (3, 3) else "cpython"
if sys.version_info[0] != 3 or not oldest <= sys.version_info[1] <= newest:
    print("no " + version)
elif name != "cpython":
    print("no %s (%s)" % (version, name))
elif sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("no %s (free-threaded)" % version)
elif sys.maxsize < 2**32:
    print("no %s (32 bits)" % version)
else:
    try:
        import ensurepip, venv
        uv = "not needed"
    except ImportError:
        pass
    print("%s %s" % ("yes" if uv else "bare", sys._base_executable))
'

BARE="install its module venv (Debian, Ubuntu: apt install python3-venv) or uv, and run the same \
command again"

ask() {
    "$1" -c "$QUESTION" "$oldest" "$newest" "$uv" 2>/dev/null || true
}

candidates() {
    echo python3
    minor=$newest
    while [ "$minor" -ge "$oldest" ]; do
        echo "python3.$minor"
        ls -d "${PYENV_ROOT:-$HOME/.pyenv}/versions/3.$minor".*/bin/python3 2>/dev/null || true
        minor=$((minor - 1))
    done
    [ -z "$uv" ] || UV_PYTHON_DOWNLOADS=never "$uv" python find --no-project \
        ">=3.$oldest,<3.$((newest + 1))" 2>/dev/null || true
}

# Prints the interpreter to use, or says in one line what to do.
find_python() {
    case ${PYTHON:-} in
        "") ;;
        python3.[0-9] | python3.[0-9][0-9])
            minor=${PYTHON#python3.}
            if [ "$minor" -lt "$oldest" ] || [ "$minor" -gt "$newest" ]; then
                fail "PYTHON=$PYTHON: TensorFlow has no packages for it; allowed: $allowed"
            fi
            oldest=$minor newest=$minor allowed=3.$minor
            ;;
        *)
            answer=$(ask "$PYTHON")
            case $answer in
                "yes "*) echo "${answer#yes }" ;;
                "no "*) fail "PYTHON=$PYTHON is Python ${answer#no }; allowed: $allowed" ;;
                "bare "*) fail "PYTHON=$PYTHON cannot make environments: $BARE" ;;
                *) fail "PYTHON=$PYTHON does not run; allowed: a Python $allowed" ;;
            esac
            return
            ;;
    esac
    candidates | {
        bare=
        while IFS= read -r candidate; do
            answer=$(ask "$candidate")
            case $answer in
                "yes "*) echo "${answer#yes }" && exit ;;
                "bare "*) bare=${bare:-$(basename "${answer#bare }")} ;;
            esac
        done
        if [ -n "$bare" ]; then
            fail "$bare cannot make environments: $BARE"
        fi
        here=$(python3 -c 'import sys; print("python3 is %d.%d.%d" % sys.version_info[:3])' \
            2>/dev/null || echo "there is no python3")
        if [ -n "$uv" ]; then
            how="run \`uv python install 3.$newest\`"
        elif command -v pyenv >/dev/null; then
            how="run \`pyenv install 3.$newest\`"
        elif command -v brew >/dev/null; then
            how="run \`brew install python@3.$newest\`"
        else
            how="install Python 3.$newest, or uv and then \`uv python install 3.$newest\`"
        fi
        fail "TensorFlow needs Python $allowed, and $here: $how, and run the same command again"
    }
}

make_environment() {
    if [ -n "$uv" ]; then
        "$uv" venv --quiet --allow-existing --python "$python" .venv && return
    fi
    "$python" -m venv .venv
}

# Prints the lines of requirements.lock from one part on, up to another.
lines() {
    sed -n "/^# part $1:/,/^# part $2:/p" requirements.lock
}

by_pip() {
    .venv/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps \
        ${later:+--no-compile} ${quiet:+--quiet} -r "$1"
}

install() {
    case $part in
        demo) lines demo all ;;
        all) lines demo uv ;;
    esac >.venv/packages.txt
    lines uv end >.venv/uv.txt
    # Python compiles a module when it is first imported, which takes less time than all of them
    # now. Where it may not keep what it compiled, every process would do it again.
    later=yes
    if [ -n "${PYTHONDONTWRITEBYTECODE:-}" ]; then
        later=
        export UV_COMPILE_BYTECODE=1
    fi
    quiet=yes
    if [ -z "$uv" ] && by_pip .venv/uv.txt; then
        uv=.venv/bin/uv
    fi
    # In a terminal both show how far they are.
    [ ! -t 2 ] || quiet=
    if [ -n "$uv" ]; then
        "$uv" pip sync --python .venv/bin/python --require-hashes ${quiet:+--quiet} \
            .venv/packages.txt && return
        echo "uv could not install them; trying pip" >&2
    fi
    .venv/bin/python -m ensurepip >/dev/null && by_pip .venv/packages.txt
}

# The stamp says interpreter, folder, part, and the sum of the lock file; nothing, if an
# installation was stopped.
sum=$(cksum <requirements.lock)
there=$(cat "$stamp" 2>/dev/null || true)
python=
[ -z "${PYTHON:-}" ] || python=$(find_python)
keep=
case $there in
    "${python:-${there%%|*}}|$folder|"*) [ ! -x .venv/bin/python ] || keep=yes ;;
esac
if [ -n "$keep" ]; then
    python=${there%%|*}
    case $there in *"|all|"*) part=all ;; esac
    [ "$there" != "$python|$folder|$part|$sum" ] || exit 0
else
    [ -n "$python" ] || python=$(find_python)
    [ ! -e .venv ] || [ -e "$stamp" ] || fail ".venv was not made by make: move it elsewhere"
    rm -rf .venv
    mkdir .venv
fi
: >"$stamp"
size=$(sed -n "s/^# part $part: \(.*\) (.*/\1/p" requirements.lock)
echo "Installing packages into .venv for $("$python" --version): $size, once" >&2
if [ -z "$keep" ] && ! make_environment; then
    fail "no environment could be made, for the reason above"
fi
if ! install; then
    # Nothing is installed before all is downloaded.
    [ -z "$keep" ] || echo "$there" >"$stamp"
    fail "the packages could not be installed, for the reason above; run the same command again"
fi
echo "$python|$folder|$part|$sum" >"$stamp"
