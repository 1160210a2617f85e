# program: a fish script with pipelines and functions
# run: fish shell.fish
# needs: fish
function fail
  echo "bad: $argv"
  exit 1
end
set n 0
set list
while not test -e finish
  set sum (seq 1 200 | awk '{ s += $1 } END { print s }')
  test $sum = 20100; or fail pipeline $sum
  set list $list $n
  test (count $list) = (math $n + 1); or fail list (count $list)
  set n (math $n + 1)
  sleep 0.05
  echo tick $n
end
test (string join + $list | bc) = (math "$n * ($n - 1) / 2"); or fail sum
echo ok
exit 3
