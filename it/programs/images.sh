# program: ImageMagick in mid-work
# needs: convert
. ./frame.sh
export MAGICK_THREAD_LIMIT=2 OMP_WAIT_POLICY=passive
draw() {
  convert -seed 7 -size 300x300 plasma: -blur 0x4 -rotate 30 -resize 150% -depth 8 rgb:- | sha256sum
}
want=$(draw)
while going; do
  same picture "$(draw)" "$want"
  tick
done
done_well
