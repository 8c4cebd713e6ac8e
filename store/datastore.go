package store

import (
	"context"
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"
	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// Datastore returns durable room for small records under a name of their own, beside the references in the index.
//
// What is kept there must be derivable or losable: when the index is lost or damaged, it is started anew and these
// records are gone (Rebuilt tells). Keep there what can be fetched or computed again, never the only copy of anything.
// Put is durable when it returns; a Batch, when Commit returns. Closing it does nothing; the store owns it.
func (s *Store) Datastore(name string) ds.Batching {
	return &records{idx: s.idx, prefix: string(appendString([]byte{'d'}, name))}
}

// records is a datastore.Batching over the index.
type records struct {
	idx    *index
	prefix string
}

func (d *records) key(k ds.Key) []byte { return []byte(d.prefix + k.String()) }

func (d *records) Get(_ context.Context, k ds.Key) ([]byte, error) {
	v, err := d.idx.get(d.key(k))
	if errors.Is(err, errNoRecord) {
		return nil, ds.ErrNotFound
	}
	return v, err
}

func (d *records) Has(ctx context.Context, k ds.Key) (bool, error) {
	_, err := d.Get(ctx, k)
	if errors.Is(err, ds.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (d *records) GetSize(ctx context.Context, k ds.Key) (int, error) {
	v, err := d.Get(ctx, k)
	if err != nil {
		return -1, err
	}
	return len(v), nil
}

func (d *records) Put(_ context.Context, k ds.Key, v []byte) error { return d.idx.set(d.key(k), v) }

func (d *records) Delete(_ context.Context, k ds.Key) error {
	return d.idx.commit(func(b *badger.WriteBatch) error { return b.Delete(d.key(k)) })
}

// Sync does nothing: every write is durable already.
func (d *records) Sync(context.Context, ds.Key) error { return nil }

// Close does nothing: the store owns the index.
func (d *records) Close() error { return nil }

func (d *records) Query(_ context.Context, q query.Query) (query.Results, error) {
	var found []query.Entry
	prefix := ds.NewKey(q.Prefix).String()
	err := d.idx.each([]byte(d.prefix+prefix), func(key, value []byte) error {
		e := query.Entry{Key: string(key[len(d.prefix):]), Size: len(value)}
		if !q.KeysOnly {
			e.Value = value
		}
		found = append(found, e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("query records: %w", err)
	}
	return query.NaiveQueryApply(q, query.ResultsWithEntries(q, found)), nil
}

// Batch gathers writes in memory until Commit.
func (d *records) Batch(context.Context) (ds.Batch, error) {
	return &recordBatch{to: d, ops: make(map[ds.Key][]byte)}, nil
}

type recordBatch struct {
	to  *records
	ops map[ds.Key][]byte // nil deletes
}

func (b *recordBatch) Put(_ context.Context, k ds.Key, v []byte) error {
	b.ops[k] = append([]byte{}, v...)
	return nil
}

func (b *recordBatch) Delete(_ context.Context, k ds.Key) error {
	b.ops[k] = nil
	return nil
}

func (b *recordBatch) Commit(context.Context) error {
	err := b.to.idx.commit(func(w *badger.WriteBatch) error {
		for k, v := range b.ops {
			err := w.Delete(b.to.key(k))
			if v != nil {
				err = w.Set(b.to.key(k), seal(v))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		clear(b.ops)
	}
	return err
}
