package store

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ds "github.com/ipfs/go-datastore"
	car "github.com/ipld/go-car/v2"
)

// childEnv makes the test binary a child that works on the store it names, until it is killed.
const childEnv = "SAVOIRS_STORE_CHILD"

func TestMain(m *testing.M) {
	if v := os.Getenv(childEnv); v != "" {
		dir, work, _ := strings.Cut(v, "|")
		if path, ok := strings.CutPrefix(work, landWork); ok {
			fmt.Println("END", landSlowly(dir, path))
			os.Exit(1)
		}
		fmt.Println("END", worker(dir, work))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// worker adds, pulls and publishes for ever and says what was acknowledged, after it was:
//
//	READY                 the store is open
//	ADDED root            Add returned
//	LANDED root cid…      PutMany returned
//	PULLED root           Complete returned
//	PUBLISHED root        Publish returned
//	NOTED key             Put of a record returned
//
// work holds src/, and cars/<n>.car of items that can be pulled.
func worker(dir, work string) error {
	s, err := Open(Options{Dir: dir, FreeFloor: -1})
	if err != nil {
		return err
	}
	fmt.Println("READY")
	cars, err := filepath.Glob(filepath.Join(work, "cars", "*.car"))
	if err != nil {
		return err
	}
	notes := s.Datastore("notes")
	for {
		key := ds.RandomKey()
		if err := notes.Put(context.Background(), key, []byte(key.String())); err != nil {
			return err
		}
		fmt.Println("NOTED", key)
		root, err := workAdd(s, filepath.Join(work, "src"))
		if err != nil {
			return err
		}
		if rand.IntN(2) == 0 {
			if _, err := s.Move(root, Mesh); err != nil {
				return err
			}
			fmt.Println("PUBLISHED", root)
		}
		if err := workPull(s, cars[rand.IntN(len(cars))]); err != nil {
			return err
		}
	}
}

func workAdd(s *Store, src string) (cid.Cid, error) {
	if err := os.RemoveAll(src); err != nil {
		return cid.Undef, err
	}
	files := map[string]int{"a": 1 + rand.IntN(300<<10), "d/b": 1 + rand.IntN(2000)}
	if rand.IntN(4) == 0 {
		for i := range 30 { // enough for one flush of the file system
			files["many/"+itoa(i)] = 1 + rand.IntN(500)
		}
	}
	for name, n := range files {
		p := filepath.Join(src, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return cid.Undef, err
		}
		if err := os.WriteFile(p, noise(rand.Uint64(), n), 0o644); err != nil {
			return cid.Undef, err
		}
	}
	it, err := s.Add(context.Background(), src, AddOptions{Title: "added"})
	if err == nil {
		fmt.Println("ADDED", it.Root)
	}
	return it.Root, err
}

func workPull(s *Store, path string) error {
	ctx := context.Background()
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	root, bs, err := readCAR(data)
	if err != nil {
		return err
	}
	in, err := s.Receive(ctx, root, ReceiveOptions{Space: Mesh, Title: "pulled"})
	if err != nil {
		return err
	}
	defer in.Close()
	if rand.IntN(2) == 0 {
		rand.Shuffle(len(bs), func(i, j int) { bs[i], bs[j] = bs[j], bs[i] })
	}
	for len(bs) > 0 {
		n := min(1+rand.IntN(4), len(bs))
		if err := in.PutMany(ctx, bs[:n]); err != nil {
			return err
		}
		line := "LANDED " + root.String()
		for _, b := range bs[:n] {
			line += " " + b.Cid().String()
		}
		fmt.Println(line)
		bs = bs[n:]
	}
	if _, err := in.Complete(ctx); err != nil {
		return err
	}
	fmt.Println("PULLED", root)
	return nil
}

func readCAR(data []byte) (cid.Cid, []blocks.Block, error) {
	r, err := car.NewBlockReader(bytes.NewReader(data))
	if err != nil {
		return cid.Undef, nil, err
	}
	var bs []blocks.Block
	for {
		b, err := r.Next()
		if err == io.EOF {
			return r.Roots[0], bs, nil
		}
		if err != nil {
			return cid.Undef, nil, err
		}
		bs = append(bs, b)
	}
}
