package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"savoirs/store/stick"
)

// secrets remembers which sealed file is which item, on both ends: receipts and
// want lists travel in the open, so they name the file and never the item. One
// small file; it is as private as the items are.
type secrets struct {
	path string

	mu    sync.Mutex // guards saved
	saved []secretFile
}

// secretFile is a sealed file that was sent from here or came here.
type secretFile struct {
	File  cid.Cid   `json:"file"` // the sealed file as a block: its SHA-256, and nothing of what is in it
	Root  cid.Cid   `json:"root"`
	Title string    `json:"title"`
	To    []peer.ID `json:"to,omitempty"` // of what was sent
}

// maxSecrets bounds what is remembered.
const maxSecrets = 2000

func readSecrets(path string) (*secrets, error) {
	s := &secrets{path: path}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &s.saved)
	}
	if err != nil {
		return nil, fmt.Errorf("read which sealed file is which: %w", err)
	}
	return s, nil
}

// fileCid names a sealed file as receipts do.
func fileCid(x stick.Sealed) cid.Cid {
	mh, err := multihash.Encode(x.Name[:], multihash.SHA2_256)
	if err != nil {
		panic(err) // a SHA-256 is one
	}
	return cid.NewCidV1(cid.Raw, mh)
}

// add remembers files, durably.
func (s *secrets) add(files ...secretFile) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(s.saved), func(old secretFile) bool {
		return slices.ContainsFunc(files, func(f secretFile) bool { return f.File.Equals(old.File) })
	})
	next = append(next, files...)
	next = next[max(0, len(next)-maxSecrets):]
	b, err := json.MarshalIndent(next, "", "  ")
	if err == nil {
		err = replaceFile(s.path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("note which sealed file is which: %w", err)
	}
	s.saved = next
	return nil
}

// of finds a file by its name in receipts.
func (s *secrets) of(file cid.Cid) (secretFile, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.saved) - 1; i >= 0; i-- {
		if s.saved[i].File.Equals(file) {
			return s.saved[i], true
		}
	}
	return secretFile{}, false
}
