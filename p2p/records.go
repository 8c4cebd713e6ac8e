package p2p

import (
	"context"
	"errors"
	"sync/atomic"

	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
)

// maxRecords bounds the provider records kept for others: about 200 bytes each, some 10 MB in all.
const maxRecords = 50_000

var errRecordsFull = errors.New("no room for more provider records")

// providerRecords is the memory in which the DHT keeps who holds what. Anyone may send such records, so it has an end:
// when full, new ones are refused until old ones expire.
type providerRecords struct {
	ds.Batching
	n atomic.Int64
}

func newProviderRecords() *providerRecords {
	return &providerRecords{Batching: dssync.MutexWrap(ds.NewMapDatastore())}
}

// Put refuses a new key when full. Two concurrent puts of one key may count it twice; Delete then corrects nothing, and
// the limit is only reached a little early.
func (r *providerRecords) Put(ctx context.Context, k ds.Key, v []byte) error {
	known, err := r.Batching.Has(ctx, k)
	if err != nil {
		return err
	}
	if !known && r.n.Add(1) > maxRecords {
		r.n.Add(-1)
		return errRecordsFull
	}
	return r.Batching.Put(ctx, k, v)
}

// Delete makes room.
func (r *providerRecords) Delete(ctx context.Context, k ds.Key) error {
	known, err := r.Batching.Has(ctx, k)
	if err != nil {
		return err
	}
	if known {
		r.n.Add(-1)
	}
	return r.Batching.Delete(ctx, k)
}

// Batch goes through Put and Delete, so that it cannot go round the limit.
func (r *providerRecords) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(r), nil }
