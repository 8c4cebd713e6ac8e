package p2p

import (
	"context"
	"sync"

	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
)

// Limits on the provider records kept for others: about 200 bytes each, some 4 MB in all.
const (
	maxRecords       = 20_000
	maxRecordsOfPeer = 4_000 // a node with more items is found through those it is connected to
	maxRecordsOfKey  = 64    // holders of one item
)

// providerRecords is the memory in which the DHT keeps who holds what. Anyone may send such records, so it has an end: what
// is beyond a limit is dropped until old records expire. The DHT writes in batches and tries a failed batch again as a
// whole, so a record that is dropped is no error.
type providerRecords struct {
	ds.Batching

	mu     sync.Mutex // guards what follows
	n      int
	ofPeer map[string]int
	ofKey  map[string]int
}

func newProviderRecords() *providerRecords {
	return &providerRecords{
		Batching: dssync.MutexWrap(ds.NewMapDatastore()),
		ofPeer:   map[string]int{}, ofKey: map[string]int{},
	}
}

// Put keeps a record, /providers/<key>/<peer>, unless a limit is reached.
func (r *providerRecords) Put(ctx context.Context, k ds.Key, v []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, err := r.Batching.Has(ctx, k)
	if err != nil {
		return err
	}
	key, p := k.Parent().String(), k.Name()
	if !known {
		if r.n >= maxRecords || r.ofPeer[p] >= maxRecordsOfPeer || r.ofKey[key] >= maxRecordsOfKey {
			return nil
		}
		r.n++
		r.ofPeer[p]++
		r.ofKey[key]++
	}
	return r.Batching.Put(ctx, k, v)
}

// Delete makes room.
func (r *providerRecords) Delete(ctx context.Context, k ds.Key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	known, err := r.Batching.Has(ctx, k)
	if err != nil {
		return err
	}
	if known {
		r.n--
		forgetOne(r.ofPeer, k.Name())
		forgetOne(r.ofKey, k.Parent().String())
	}
	return r.Batching.Delete(ctx, k)
}

func forgetOne(n map[string]int, k string) {
	if n[k]--; n[k] <= 0 {
		delete(n, k)
	}
}

// Batch goes through Put and Delete, so that it cannot go round the limits.
func (r *providerRecords) Batch(context.Context) (ds.Batch, error) { return ds.NewBasicBatch(r), nil }
