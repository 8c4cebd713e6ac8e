package store

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ipfs/go-cid"
)

// A .dag file is a CARv1 with one root: the nodes of an item that are not raw leaves, in any order. A node that carries
// content itself is in it as well as in the file it belongs to.

// carHeader returns the length-prefixed header of a CARv1 with one root. Its length depends on that of the CID only.
func carHeader(root cid.Cid) []byte {
	b := []byte{0xa2, 0x65, 'r', 'o', 'o', 't', 's', 0x81, 0xd8, 0x2a, 0x58, byte(root.ByteLen() + 1), 0}
	b = append(b, root.Bytes()...)
	b = append(b, 0x67, 'v', 'e', 'r', 's', 'i', 'o', 'n', 1)
	return append(binary.AppendUvarint(nil, uint64(len(b))), b...)
}

// carSection returns what precedes the data of a block in a CAR.
func carSection(c cid.Cid, size int) []byte {
	return append(binary.AppendUvarint(nil, uint64(c.ByteLen()+size)), c.Bytes()...)
}

// dagWriter writes a .dag file front to back, each node once.
type dagWriter struct {
	f    *os.File
	w    *bufio.Writer
	off  int64
	seen map[string]struct{}
}

// createDag starts a .dag file. Its root may be unknown yet; finish sets it.
func createDag(path string) (*dagWriter, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	return &dagWriter{f: f, w: bufio.NewWriterSize(f, 64<<10), seen: make(map[string]struct{})}, nil
}

func (d *dagWriter) start(root cid.Cid) error {
	h := carHeader(root)
	d.off = int64(len(h))
	_, err := d.w.Write(h)
	return err
}

// add appends a node and returns the offset of its bytes.
func (d *dagWriter) add(c cid.Cid, data []byte) (int64, error) {
	h := carSection(c, len(data))
	if _, err := d.w.Write(h); err != nil {
		return 0, err
	}
	if _, err := d.w.Write(data); err != nil {
		return 0, err
	}
	at := d.off + int64(len(h))
	d.off = at + int64(len(data))
	d.seen[string(c.Hash())] = struct{}{}
	return at, nil
}

func (d *dagWriter) has(c cid.Cid) bool {
	_, ok := d.seen[string(c.Hash())]
	return ok
}

// finish writes the header again for the root that is known now; it must be as long as the one given to start.
func (d *dagWriter) finish(root cid.Cid) error {
	if err := d.w.Flush(); err != nil {
		return err
	}
	if _, err := d.f.WriteAt(carHeader(root), 0); err != nil {
		return err
	}
	return d.f.Close()
}

var errStop = errors.New("stop")

// scanDag calls f for every whole section of a .dag file, right or wrong: the caller hashes. It returns where the last
// whole section ends. A file that is cut short or garbled from there on is not an error.
func scanDag(path string, f func(c cid.Cid, off int64, data []byte) error) (end int64, err error) {
	file, err := openRegular(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	r := bufio.NewReaderSize(file, 256<<10)
	head, n, err := readSection(r)
	if err != nil || len(head) == 0 {
		return 0, nil
	}
	end = n
	for {
		section, n, err := readSection(r)
		if errors.Is(err, errStop) || err == io.EOF {
			return end, nil
		}
		if err != nil {
			return end, fmt.Errorf("read %s: %w", path, err)
		}
		used, c, err := cid.CidFromBytes(section)
		if err != nil {
			return end, nil
		}
		off := end + n - int64(len(section)-used)
		if err := f(c, off, section[used:]); err != nil {
			return end, err
		}
		end += n
	}
}

// readSection returns one length-prefixed section and how long it is with its prefix; errStop when it is not whole.
func readSection(r *bufio.Reader) ([]byte, int64, error) {
	size, err := binary.ReadUvarint(r)
	if err == io.EOF {
		return nil, 0, io.EOF
	}
	if err != nil || size == 0 || size > maxBlock+1024 {
		return nil, 0, errStop
	}
	b := make([]byte, size)
	if _, err := io.ReadFull(r, b); err != nil {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil, 0, errStop
		}
		return nil, 0, err
	}
	return b, int64(len(binary.AppendUvarint(nil, size)) + len(b)), nil
}

// dagNodes is where the right nodes of a .dag file are.
type dagNodes struct {
	f  *os.File // nil when the file is missing
	at map[string]section
}

type section struct{ off, size int64 }

// readDag reads a whole .dag file and remembers the nodes that match their hash.
func readDag(path string) (*dagNodes, error) {
	d := &dagNodes{at: make(map[string]section)}
	_, err := scanDag(path, func(c cid.Cid, off int64, data []byte) error {
		if matches(c, data) {
			d.at[string(c.Hash())] = section{off, int64(len(data))}
		}
		return nil
	})
	if errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	d.f, err = openRegular(path)
	return d, err
}

// get returns a node, hashed again: the file may have changed since.
func (d *dagNodes) get(c cid.Cid) ([]byte, error) {
	if data, ok := inlined(c); ok {
		return data, nil
	}
	n, ok := d.at[string(c.Hash())]
	if !ok {
		return nil, fmt.Errorf("node %s: %w", c, ErrDamaged)
	}
	data := make([]byte, n.size)
	if _, err := d.f.ReadAt(data, n.off); err != nil || !matches(c, data) {
		return nil, fmt.Errorf("node %s: %w", c, ErrDamaged)
	}
	return data, nil
}

func (d *dagNodes) close() {
	if d.f != nil {
		d.f.Close()
	}
}
