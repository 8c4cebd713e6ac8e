package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/ipfs/go-cid"
)

// resume finds out what landed earlier and what is wanted next.
func (in *Incoming) resume(ctx context.Context) error {
	key := in.root.KeyString()
	if _, err := in.sp.idx.get(in.sp.key('u', key)); errors.Is(err, errNoRecord) {
		in.reread = true // a repair, or the index was lost
	} else if err != nil {
		return err
	}
	in.spent = budget{most: in.limit}
	f, err := os.OpenFile(in.dag, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	in.nodes = f
	in.batch = newLanding(in.dir)
	if !in.repair {
		if err := in.adoptWaiting(); err != nil {
			return err
		}
	}
	if in.end, err = in.lastNode(); err != nil {
		return err
	}
	if err := f.Truncate(in.end); err != nil {
		return err
	}
	in.replay = true
	defer func() { in.replay = false }()
	if err := in.settleAll(ctx, []place{{c: in.root, role: entry, size: -1}}); err != nil {
		return err
	}
	return in.commitHere()
}

// A process that is killed may have written more than it recorded. What is right of that is adopted when it is received
// again, here and in stillThere, and is then as good as what was acknowledged.

// adoptWaiting records waiting blocks that the index does not know.
func (in *Incoming) adoptWaiting() error {
	waits, err := filepath.Glob(filepath.Join(in.waitDir(), "*"))
	if err != nil {
		return err
	}
	for _, w := range waits {
		c, err := cid.Decode(filepath.Base(w))
		if err != nil {
			continue
		}
		mh := string(c.Hash())
		if _, known, err := in.durable(mh); known || err != nil {
			if err != nil {
				return err
			}
			continue
		}
		st, err := os.Stat(w)
		if err != nil {
			return err
		}
		data, err := readRange(w, 0, min(st.Size(), maxBlock))
		if err != nil {
			return err
		}
		if !matches(c, data) {
			if err := os.Remove(w); err != nil {
				return err
			}
			continue
		}
		in.batch.flush.note(w)
		in.batch.flush.note(in.waitDir())
		in.batch.refs[mh] = ref{kind: waiting, root: in.root.KeyString(), path: filepath.Base(w), size: st.Size()}
	}
	return nil
}

// lastNode returns where the nodes end that belong to the item as far as is known. What lies beyond is cut off.
func (in *Incoming) lastNode() (end int64, err error) {
	key := in.root.KeyString()
	end = int64(len(carHeader(in.root)))
	whole, err := scanDag(in.dag, func(c cid.Cid, off int64, data []byte) error {
		mh := string(c.Hash())
		if in.repair {
			return nil
		}
		r, known, err := in.own(mh)
		if err != nil {
			return err
		}
		if !known && matches(c, data) {
			r, known = ref{kind: inDag, root: key, off: off, size: int64(len(data))}, true
			in.batch.refs[mh] = r
			in.batch.flush.note(in.dag)
		}
		if known && r.kind == inDag && r.off == off {
			end = max(end, off+int64(len(data)))
			in.astray[mh] = true
		}
		return nil
	})
	if in.repair {
		end = max(end, whole)
	}
	if st, serr := os.Stat(in.dag); serr == nil && st.Size() < int64(len(carHeader(in.root))) {
		if err := os.WriteFile(in.dag, carHeader(in.root), 0o644); err != nil {
			return 0, err
		}
	}
	return end, err
}

func (in *Incoming) waitDir() string {
	return filepath.Join(in.sp.incoming(), in.root.String()+".wait")
}
