# Read by the commands of this folder: `real` finds SLURM's own command of a name, the first in PATH that stands in no
# folder like this one: none of them calls itself.
real() {
    found=$(
        IFS=:
        set -f
        for folder in $PATH; do
            [ ! -e "${folder:-.}/wrapper.sh" ] && [ -f "${folder:-.}/$1" ] && [ -x "${folder:-.}/$1" ] || continue
            printf %s "${folder:-.}/$1"
            break
        done
    )
    [ -n "$found" ] || { echo "$1: SLURM's own command is not in PATH" >&2; return 127; }
}
