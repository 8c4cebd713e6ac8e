package zim

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz/lzma"
)

// unzstd keeps its decoder between clusters. Not for concurrent use.
type unzstd struct{ dec *zstd.Decoder }

func (u *unzstd) inflate(r io.Reader, width int64) ([]byte, error) {
	if u.dec == nil {
		dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxCluster), zstd.WithDecoderMaxWindow(maxCluster))
		if err != nil {
			return nil, err
		}
		u.dec = dec
	}
	in := &watched{r: r}
	if err := u.dec.Reset(in); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	data, err := inflate(u.dec, width)
	u.dec.Reset(nil) // lets go of r
	return data, in.blame(err)
}

// watched remembers an error of the file below, which is none of the archive.
type watched struct {
	r   io.Reader
	err error
}

func (w *watched) Read(b []byte) (int, error) {
	n, err := w.r.Read(b)
	if err != nil && err != io.EOF {
		w.err = err
	}
	return n, err
}

// blame returns what went wrong: the file below, or the archive.
func (w *watched) blame(err error) error {
	switch {
	case err == nil:
		return nil
	case w.err != nil:
		return w.err
	}
	return damaged(err)
}

// damaged makes an error of a decoder one of ours.
func damaged(err error) error {
	for _, known := range []error{ErrDamaged, ErrTooLarge, ErrUnsupported} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// smallDict is the dictionary tried first. Writers of old declare 64 MiB for clusters of one: no
// dictionary need be larger than what it decodes.
const smallDict = 4 << 20

// unxz reads a cluster from an xz stream, of which only the first block is read.
func unxz(open func() *bufio.Reader, width int64) ([]byte, error) {
	for dict := int64(smallDict); ; dict = maxCluster {
		r := &watched{r: open()}
		in := bufio.NewReader(r)
		declared, err := xzHead(in)
		if err != nil {
			return nil, r.blame(err)
		}
		dec, err := lzma.Reader2Config{DictCap: int(max(lzma.MinDictCap, min(declared, dict)))}.NewReader2(in)
		if err != nil {
			return nil, r.blame(err)
		}
		data, err := inflate(dec, width)
		if err != nil && r.err == nil && !errors.Is(err, ErrTooLarge) && dict == smallDict && declared > smallDict {
			continue
		}
		return data, r.blame(err)
	}
}

// xzHead reads the heads of an xz stream and of its first block, up to the LZMA2 data, and returns the
// size of the dictionary (https://tukaani.org/xz/xz-file-format.txt, 2.1.1 and 3.1).
func xzHead(r io.Reader) (dict int64, err error) {
	bad := func(what string) (int64, error) { return 0, fmt.Errorf("%w: xz stream %s", ErrDamaged, what) }
	var b [12 + 1024]byte
	if _, err := io.ReadFull(r, b[:13]); err != nil {
		return 0, fmt.Errorf("read the head of an xz stream: %w", err)
	}
	le := binary.LittleEndian
	if !bytes.Equal(b[:6], []byte("\xfd7zXZ\x00")) || crc32.ChecksumIEEE(b[6:8]) != le.Uint32(b[8:]) {
		return bad("without its head")
	}
	head := b[12 : 12+(int(b[12])+1)*4]
	if b[12] == 0 {
		return bad("without a block")
	}
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return 0, fmt.Errorf("read the head of an xz block: %w", err)
	}
	body := head[:len(head)-4]
	if crc32.ChecksumIEEE(body) != le.Uint32(head[len(body):]) {
		return bad("with a wrong block head")
	}
	flags := body[1]
	body = body[2:]
	for _, sized := range []byte{0x40, 0x80} { // compressed and plain size, which nobody needs
		if flags&sized == 0 {
			continue
		}
		_, n := binary.Uvarint(body)
		if n <= 0 {
			return bad("with a wrong size")
		}
		body = body[n:]
	}
	if flags&0x3f != 0 || len(body) < 3 || body[0] != 0x21 || body[1] != 1 {
		return 0, fmt.Errorf("%w: an xz filter that is not LZMA2", ErrUnsupported)
	}
	bits := body[2]
	if bits > 40 {
		return bad("with a wrong dictionary")
	}
	return min((2|int64(bits&1))<<(bits/2+11), 1<<32-1), nil
}
