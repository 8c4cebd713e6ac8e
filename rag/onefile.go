package rag

import (
	"bytes"
	"io/fs"
	"time"
)

// oneFile is a file system of one file in memory.
type oneFile struct {
	name string
	data []byte
}

func (f oneFile) Open(name string) (fs.File, error) {
	if name != f.name {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	return openOne{bytes.NewReader(f.data), f}, nil
}

type openOne struct {
	*bytes.Reader
	of oneFile
}

func (f openOne) Stat() (fs.FileInfo, error) { return oneInfo{f.of}, nil }
func (f openOne) Close() error               { return nil }

type oneInfo struct{ of oneFile }

func (i oneInfo) Name() string       { return i.of.name }
func (i oneInfo) Size() int64        { return int64(len(i.of.data)) }
func (i oneInfo) Mode() fs.FileMode  { return 0o444 }
func (i oneInfo) ModTime() time.Time { return time.Time{} }
func (i oneInfo) IsDir() bool        { return false }
func (i oneInfo) Sys() any           { return nil }
