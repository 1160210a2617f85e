# program: ffmpeg with two threads, in the middle of a film
# needs: ffmpeg
. ./frame.sh
encode() {
  ffmpeg -v error -nostdin -y -threads 2 -f lavfi -i testsrc2=size=320x240:rate=25:duration=4 \
    -c:v mpeg4 -threads 2 -bitexact -flags +bitexact -fflags +bitexact -f avi "$1" || bad ffmpeg
}
encode wanted
set -- $(md5sum wanted); wanted=$1
while going; do
  encode film
  set -- $(md5sum film)
  same "the film" "$1" "$wanted"
  ffmpeg -v error -nostdin -i film -f rawvideo - | head -c 2000000 | wc -c | grep -q 2000000 ||
    bad "the film cannot be seen"
  tick
done
done_well
