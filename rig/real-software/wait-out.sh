# Sourced by the scripts that have a command run for them in the background.

# Ends the script with the exit code of a child, once that child has ended. A signal ends the `wait`, not the child.
wait_out() {
  local code=0
  wait "$1" || code=$?
  while kill -0 "$1" 2>/dev/null; do
    code=0
    wait "$1" || code=$?
  done
  exit "$code"
}
