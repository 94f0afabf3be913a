#!/bin/sh
# Writes the benign archives with the programs that people use. Needs zip, tar, gzip, xz, bzip2, zstd, lz4, 7z and python3.
set -e
cd "$(dirname "$0")"
work=$(mktemp -d)
here=$(pwd)
cd "$work"
mkdir data
printf '# A model\n' > README.md
for line in 1 2 3 4 5 6 7 8 9; do printf 'line %s of a text that repeats itself\n' "$line"; done > data/notes.txt
long=data/$(printf 'long%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30).txt
printf 'a\n' > "$long"
rm -f "$here"/*.zip "$here"/*.tar "$here"/text.* "$here"/*.7z
zip -q "$here/info-zip.zip" README.md data/notes.txt
tar --format=gnu -cf "$here/gnu.tar" README.md data
tar --format=pax -cf "$here/pax.tar" README.md data
for program in gzip xz bzip2 zstd lz4; do
  case $program in gzip) end=gz ;; bzip2) end=bz2 ;; zstd) end=zst ;; *) end=$program ;; esac
  $program -qc data/notes.txt > "$here/text.$end"
done
xz --format=lzma -c data/notes.txt > "$here/text.lzma"
for method in LZMA LZMA2 BZip2 Deflate Copy; do
  7z a -bd -m0=$method "$here/$(printf %s "$method" | tr 'A-Z' 'a-z').7z" README.md data > /dev/null
done
python3 - "$here" <<'PYTHON'
import io, sys, tarfile, zipfile
here = sys.argv[1]
for name, method in (("python-zip", zipfile.ZIP_DEFLATED), ("python-zip-bzip2", zipfile.ZIP_BZIP2)):
    with zipfile.ZipFile(f"{here}/{name}.zip", "w", method) as archive:
        archive.write("README.md"); archive.write("data/notes.txt")
class Stream(io.RawIOBase):
    def __init__(self, file): self.file = file
    def writable(self): return True
    def write(self, data): return self.file.write(data)
with open(f"{here}/python-zip-streamed.zip", "wb") as file, zipfile.ZipFile(Stream(file), "w", zipfile.ZIP_DEFLATED) as archive:
    archive.write("README.md"); archive.write("data/notes.txt")
with tarfile.open(f"{here}/python.tar", "w") as archive: archive.add("README.md"); archive.add("data/notes.txt")
PYTHON
rm -rf "$work"
