package zim

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxCluster bounds what a compressed cluster may inflate to, in bytes. Writers close one at 1 or 2 MiB
// unless a single document is larger; images and films are not compressed.
const maxCluster = 64 << 20

// Ways a cluster may be stored, in the low half of its first byte.
const (
	plainOld = 0
	plain    = 1
	deflate  = 2 // these two were given up before any archive still around
	bzip2    = 3
	xzStream = 4
	zstdType = 5

	extended = 0x10 // offsets of 8 bytes instead of 4
)

// A cluster is a list of offsets, then the blobs between them:
//
//	kind u8 | offset of blob 0 | offset of blob 1 | … | end of the last | blob 0 | blob 1 | …
//
// Offsets count from the byte after the kind; all but the kind may be compressed. The first offset
// tells how many there are.
type cluster struct {
	number uint32
	at     int64 // of the byte after the kind, in the archive
	kind   byte
	width  int64 // bytes of an offset
}

// Blob returns the content of an entry, which may be read after others were asked for. That of a plain
// cluster is read from the archive when it is needed. Errors: ErrNotFound for an entry without content,
// ErrDamaged, ErrTruncated, ErrTooLarge, ErrUnsupported.
func (a *Archive) Blob(e Entry) (*io.SectionReader, error) {
	if e.Redirect || e.MIME == "" {
		return nil, fmt.Errorf("%w: %c/%s has no content of its own", ErrNotFound, e.Namespace, e.Path)
	}
	b, err := a.blob(e.cluster, e.blob)
	if err != nil {
		return nil, fmt.Errorf("%c/%s, cluster %d, blob %d: %w", e.Namespace, e.Path, e.cluster, e.blob, err)
	}
	return b, nil
}

func (a *Archive) blob(number, blob uint32) (*io.SectionReader, error) {
	c, err := a.cluster(number)
	if err != nil {
		return nil, err
	}
	var r io.ReaderAt = io.NewSectionReader(a.r, c.at, a.end-c.at)
	size := a.end - c.at
	if c.compressed() {
		data, err := a.inflated(c)
		if err != nil {
			return nil, err
		}
		r, size = bytes.NewReader(data), int64(len(data))
	}
	start, end, err := c.bounds(r, size, blob)
	if err != nil {
		return nil, err
	}
	if !c.compressed() { // long ones would push the lists out of the pages
		return io.NewSectionReader(a.r.r, c.at+start, end-start), nil
	}
	return io.NewSectionReader(r, start, end-start), nil
}

// cluster reads where a cluster is and how it is stored.
func (a *Archive) cluster(number uint32) (cluster, error) {
	if number >= a.clusters {
		return cluster{}, fmt.Errorf("%w: cluster %d of %d", ErrDamaged, number, a.clusters)
	}
	at, err := a.pointer(a.clsList, number)
	if err != nil {
		return cluster{}, fmt.Errorf("its pointer: %w", err)
	}
	if at < 72 || at >= uint64(a.end) {
		return cluster{}, fmt.Errorf("%w: cluster at byte %d of %d", ErrDamaged, at, a.end)
	}
	var kind [1]byte
	if err := a.read(kind[:], int64(at)); err != nil {
		return cluster{}, err
	}
	c := cluster{number: number, at: int64(at) + 1, kind: kind[0] & 0xf, width: 4}
	if kind[0]&extended != 0 {
		c.width = 8
	}
	switch c.kind {
	case plainOld, plain, xzStream, zstdType:
		return c, nil
	case deflate, bzip2:
		return c, fmt.Errorf("%w: compression %d", ErrUnsupported, c.kind)
	}
	return c, fmt.Errorf("%w: compression %d", ErrDamaged, c.kind)
}

func (c cluster) compressed() bool { return c.kind > plain }

// bounds returns where a blob is in the size bytes of r, which begin with the offsets.
func (c cluster) bounds(r io.ReaderAt, size int64, blob uint32) (start, end int64, err error) {
	first, err := c.offset(r, size, 0)
	if err != nil {
		return 0, 0, err
	}
	if first < c.width || first%c.width != 0 || first > size {
		return 0, 0, fmt.Errorf("%w: the list of blobs is %d bytes long", ErrDamaged, first)
	}
	if n := first/c.width - 1; int64(blob) >= n {
		return 0, 0, fmt.Errorf("%w: blob %d of %d", ErrDamaged, blob, n)
	}
	if start, err = c.offset(r, size, int64(blob)); err != nil {
		return 0, 0, err
	}
	if end, err = c.offset(r, size, int64(blob)+1); err != nil {
		return 0, 0, err
	}
	if start < first || end < start || end > size {
		return 0, 0, fmt.Errorf("%w: blob from byte %d to %d of %d", ErrDamaged, start, end, size)
	}
	return start, end, nil
}

func (c cluster) offset(r io.ReaderAt, size, i int64) (int64, error) {
	var b [8]byte
	if (i+1)*c.width > size {
		return 0, fmt.Errorf("%w: the list of blobs does not fit", ErrDamaged)
	}
	if n, err := r.ReadAt(b[:c.width], i*c.width); int64(n) < c.width {
		return 0, fmt.Errorf("read the list of blobs: %w", err)
	}
	o := binary.LittleEndian.Uint64(b[:])
	if o > uint64(size) {
		return 0, fmt.Errorf("%w: offset %d in %d bytes", ErrDamaged, o, size)
	}
	return int64(o), nil
}

// inflated returns what a compressed cluster holds, kept from last time or anew.
func (a *Archive) inflated(c cluster) ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if k, ok := a.kept.get(c.number); ok {
		return k.data, k.err
	}
	open := func() *bufio.Reader {
		return bufio.NewReaderSize(io.NewSectionReader(a.r.r, c.at, a.end-c.at), pageSize)
	}
	var data []byte
	var err error
	if c.kind == zstdType {
		data, err = a.zstd.inflate(open(), c.width)
	} else {
		data, err = unxz(open, c.width)
	}
	if err == nil || errors.Is(err, ErrDamaged) || errors.Is(err, ErrTooLarge) { // not what a failing disk said
		a.kept.put(keptCluster{c.number, data, err})
	}
	return data, err
}

// inflate reads a cluster from its decompressed stream: its list of offsets says where it ends, so what
// follows in the archive is never looked at and memory grows only with what arrives.
func inflate(r io.Reader, width int64) ([]byte, error) {
	var data bytes.Buffer
	if err := more(&data, r, width); err != nil {
		return nil, err
	}
	first := lastOffset(data.Bytes(), width)
	if first < uint64(width) || first%uint64(width) != 0 || first > maxCluster {
		return nil, fmt.Errorf("%w: the list of blobs is %d bytes long", ErrDamaged, first)
	}
	if err := more(&data, r, int64(first)-width); err != nil {
		return nil, err
	}
	size := lastOffset(data.Bytes(), width)
	if size < first {
		return nil, fmt.Errorf("%w: the last blob ends at byte %d", ErrDamaged, size)
	}
	if size > maxCluster {
		return nil, fmt.Errorf("%w: a cluster of %d bytes, at most %d are read", ErrTooLarge, size, maxCluster)
	}
	if err := more(&data, r, int64(size-first)); err != nil {
		return nil, err
	}
	return slices.Clip(data.Bytes()), nil
}

// lastOffset is the number in the last width bytes of b.
func lastOffset(b []byte, width int64) uint64 {
	var o [8]byte
	copy(o[:], b[int64(len(b))-width:])
	return binary.LittleEndian.Uint64(o[:])
}

func more(to *bytes.Buffer, r io.Reader, n int64) error {
	got, err := io.CopyN(to, r, n)
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("%w: a cluster ends after %d bytes", ErrDamaged, to.Len())
	}
	if err != nil {
		return fmt.Errorf("after %d bytes of a cluster: %w", got, err)
	}
	return nil
}

// Limits of the clusters kept, in number and bytes; the last one is kept whatever its size.
const (
	keptClusters = 16
	keptBytes    = 16 << 20
)

// keeper keeps the clusters used last.
type keeper struct {
	kept []keptCluster // the last used first
	size int
}

type keptCluster struct {
	number uint32
	data   []byte
	err    error // of a damaged one, so that its articles do not each try it
}

func (k *keeper) get(number uint32) (keptCluster, bool) {
	for i, c := range k.kept {
		if c.number == number {
			copy(k.kept[1:i+1], k.kept[:i])
			k.kept[0] = c
			return c, true
		}
	}
	return keptCluster{}, false
}

func (k *keeper) put(c keptCluster) {
	k.kept = slices.Insert(k.kept, 0, c)
	k.size += len(c.data)
	for len(k.kept) > keptClusters || len(k.kept) > 1 && k.size > keptBytes {
		last := len(k.kept) - 1
		k.size -= len(k.kept[last].data)
		k.kept[last] = keptCluster{}
		k.kept = k.kept[:last]
	}
}
