# Completion of the carpool command for bash, with the names of servers and frontends.
_carpool() {
  local current=${COMP_WORDS[COMP_CWORD]} words=
  COMPREPLY=()
  # Names have slashes and colons in them, which bash takes for ends of words.
  case "$COMP_CWORD ${COMP_WORDS[1]-} ${COMP_WORDS[2]-}" in
    "1 "*) words="config demote drill frontend runtime server status switchover top" ;;
    "2 server "*) words="drain list maint ready weight" ;;
    "2 frontend "*) words="disable enable list" ;;
    "2 config "*) words="check keywords" ;;
    *" server list") words="$(carpool server list --names 2>/dev/null | cut -d/ -f1 | sort -u) --names" ;;
    *" server "*) words="$(carpool server list --names 2>/dev/null) --wait --timeout" ;;
    *" frontend "*) words=$(carpool frontend list --names 2>/dev/null) ;;
    *" status "*) words="--json --watch --run-dir" ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o default -F _carpool carpool
