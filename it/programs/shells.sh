# program: loops, pipelines, traps and here-documents of VARIANT
# run: VARIANT shells.sh
# variants: bash; dash; ksh93; mksh; zsh; busybox sh
. ./frame.sh
[ -z "$ZSH_VERSION" ] || emulate sh
hits=0
trap 'hits=$((hits + 1))' USR1
# A child that lives as long as we do and answers through FIFOs.
mkfifo ask answer
(while read -r question; do echo $((question * question)); done <ask >answer) &
background=$!
exec 3>ask 4<answer
want=0
while going; do
  # Functions, subshells and command substitution over pipes.
  sum=$(seq 1 200 | (s=0; while read -r i; do s=$((s + i)); done; echo $s))
  same pipeline "$sum" 20100
  echo $n >&3
  read -r square <&4
  same server "$square" $((n * n))
  text=$(cat <<END
line $n
END
)
  same here-document "$text" "line $n"
  kill -USR1 $$
  want=$((want + 1))
  same trap "$hits" "$want"
  sleep 0.05
  tick
done
exec 3>&-
background=
wait
done_well
