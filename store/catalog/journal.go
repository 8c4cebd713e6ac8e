package catalog

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// errDamaged is a frame that no longer matches its checksum.
var errDamaged = errors.New("damaged record in the catalogue file")

// journal is the append-only file of sealed entries. A frame is
//
//	length  4 bytes, little endian, 1 to MaxSealed
//	crc     4 bytes, little endian, CRC-32C of length and sealed bytes
//	sealed  length bytes
//
// Reads may run beside one writer: a frame is written once and never moves.
type journal struct {
	f      *os.File
	size   int64 // where the next frame goes
	broken error // a failed flush: what the disk holds is unknown until the next open
}

const frameHeader = 8

func openJournal(path string) (*journal, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := lock(f); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is in use by another process: %w", path, err)
	}
	info, err := f.Stat()
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &journal{f: f, size: info.Size()}, nil
}

// cut drops everything from end on and makes what is left durable: after a crash it may have been
// readable without being on the disk.
func (j *journal) cut(end int64) error {
	if end < j.size {
		if err := j.f.Truncate(end); err != nil {
			return err
		}
		j.size = end
	}
	return j.f.Sync()
}

// append writes the entries and makes them durable with one flush. On error none of them counts.
func (j *journal) append(entries []Sealed) error {
	if j.broken != nil {
		return fmt.Errorf("catalogue file unusable until reopened: %w", j.broken)
	}
	size := j.size
	w := bufio.NewWriterSize(io.NewOffsetWriter(j.f, size), 64<<10)
	for _, s := range entries {
		h := header(s)
		w.Write(h[:]) // the writer keeps its first error for Flush
		w.Write(s)
		size += frameSize(s)
	}
	if err := w.Flush(); err != nil {
		if terr := j.f.Truncate(j.size); terr != nil {
			j.broken = terr
		}
		return err
	}
	if err := j.f.Sync(); err != nil {
		j.broken = err // a second flush may succeed without having written anything
		return err
	}
	j.size = size
	return nil
}

// read returns a fresh copy of the sealed bytes of the frame at offset at.
func (j *journal) read(at int64) (Sealed, error) {
	var h [frameHeader]byte
	if _, err := j.f.ReadAt(h[:], at); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(h[:])
	if n == 0 || n > MaxSealed {
		return nil, fmt.Errorf("%w at byte %d", errDamaged, at)
	}
	s := make(Sealed, n)
	if _, err := j.f.ReadAt(s, at+frameHeader); err != nil {
		return nil, err
	}
	if header(s) != h {
		return nil, fmt.Errorf("%w at byte %d", errDamaged, at)
	}
	return s, nil
}

func (j *journal) close() error { return j.f.Close() }

func frameSize(s Sealed) int64 { return frameHeader + int64(len(s)) }

func header(s Sealed) (h [frameHeader]byte) {
	binary.LittleEndian.PutUint32(h[:], uint32(len(s)))
	table := crc32.MakeTable(crc32.Castagnoli) // the library keeps one
	crc := crc32.Update(crc32.Checksum(h[:4], table), table, s)
	binary.LittleEndian.PutUint32(h[4:], crc)
	return h
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
