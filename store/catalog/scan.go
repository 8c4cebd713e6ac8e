package catalog

import (
	"encoding/binary"
	"io"
)

// scan calls each for every good frame of r, in order. Bytes that begin no good frame are stepped over
// one by one until a frame begins again; from then on frames are reported as doubtful, because an
// author could have hidden what looks like a frame inside an entry. The bytes given to each are valid
// during the call only.
//
// end is where the last good frame ends (beyond it lies a torn tail, or nothing), lost the number of
// bytes before end that belong to no good frame. A read error or an error of each stops the scan.
func scan(r io.ReaderAt, size int64, each func(at int64, s Sealed, doubtful bool) error) (end, lost int64, err error) {
	w := window{r: r, size: size}
	for at := int64(0); at+frameHeader < size; {
		s, err := w.frame(at)
		if err != nil {
			return end, lost, err
		}
		if s == nil {
			at++
			continue
		}
		lost += at - end
		if err := each(at, s, lost > 0); err != nil {
			return end, lost, err
		}
		at += frameSize(s)
		end = at
	}
	return end, lost, nil
}

// window reads r through a buffer, so that a scan costs one system call per mebibyte and not per frame.
type window struct {
	r     io.ReaderAt
	size  int64
	buf   []byte
	start int64 // of buf in r
}

const windowSize = 1 << 20

// frame returns the sealed bytes of the frame at offset at, nil if there is no good one.
func (w *window) frame(at int64) (Sealed, error) {
	h, err := w.bytes(at, frameHeader)
	if err != nil {
		return nil, err
	}
	n := int64(binary.LittleEndian.Uint32(h))
	if n == 0 || n > MaxSealed || at+frameHeader+n > w.size {
		return nil, nil
	}
	b, err := w.bytes(at, frameHeader+n)
	if err != nil {
		return nil, err
	}
	s := Sealed(b[frameHeader:])
	if header(s) != [frameHeader]byte(b) {
		return nil, nil
	}
	return s, nil
}

// bytes returns n bytes at offset at, which lie inside r; n is far below windowSize.
func (w *window) bytes(at, n int64) ([]byte, error) {
	if at < w.start || at+n > w.start+int64(len(w.buf)) {
		if w.buf == nil {
			w.buf = make([]byte, min(windowSize, w.size))
		}
		w.buf = w.buf[:min(int64(cap(w.buf)), w.size-at)]
		w.start = at
		if got, err := w.r.ReadAt(w.buf, at); got < len(w.buf) {
			w.buf = w.buf[:0]
			return nil, err
		}
	}
	return w.buf[at-w.start:][:n], nil
}
