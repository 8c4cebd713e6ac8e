package node

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// ErrExists says that the directory holds a node already; nothing was changed.
var ErrExists = errors.New("this directory holds a node already")

// Identity is who a node is: the name others know it by and where it lives.
type Identity struct {
	ID  string `json:"id"`
	Dir string `json:"dir"`
}

// Init makes a node in dir: the directory, readable by its owner only, and an
// ed25519 key, durable when it returns. It never replaces a key: ErrExists,
// with the identity found, when there is one.
func Init(dir string) (Identity, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Identity{}, fmt.Errorf("make %s: %w", dir, err)
	}
	if key, err := readKey(dir); err == nil {
		id, err := peer.IDFromPrivateKey(key)
		return Identity{ID: id.String(), Dir: dir}, errors.Join(fmt.Errorf("%s: %w", dir, ErrExists), err)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return Identity{}, err
	}
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return Identity{}, fmt.Errorf("make a key: %w", err)
	}
	b, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return Identity{}, fmt.Errorf("encode the key: %w", err)
	}
	if err := replaceFile(filepath.Join(dir, keyFile), b); err != nil {
		return Identity{}, err
	}
	id, err := peer.IDFromPrivateKey(key)
	return Identity{ID: id.String(), Dir: dir}, err
}

// keyFile holds the private key as libp2p marshals it (protobuf).
const keyFile = "identity.key"

func readKey(dir string) (crypto.PrivKey, error) {
	b, err := os.ReadFile(filepath.Join(dir, keyFile))
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	key, err := crypto.UnmarshalPrivateKey(b)
	if err != nil {
		return nil, fmt.Errorf("read the identity in %s: %w", dir, err)
	}
	return key, nil
}

// replaceFile writes b to path so that after a power cut the old bytes or the
// new ones are there, whole: a temporary file, synced, renamed, and the
// directory synced.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
