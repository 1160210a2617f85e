# tar into a compressor into a checksum: data under way in every pipe.
set -e
mkdir tree
i=0
while [ $i -lt 40 ]; do
  i=$((i + 1))
  awk -v seed=$i 'BEGIN { srand(seed); for (k = 0; k < 9000; k++) print rand() }' >tree/file$i
done
echo "packing"
tar --sort=name --mtime=@0 --owner=0 --group=0 --mode=a+r --numeric-owner -cf - tree | gzip -9n | dd bs=512 status=none | sha256sum
echo "packed"
