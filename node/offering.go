package node

import (
	"fmt"

	"github.com/ipfs/go-cid"

	"savoirs/store/catalog"
)

// offering is what the catalogue says of a root.
type offering struct {
	offer   catalog.Entry // the live offer, our own if there are several; zero for none
	was     bool          // an author offered it once
	refused bool          // only authors whose word is not taken here offer it
}

func (s offering) offered() bool { return s.offer.Root.Defined() }

// offerings says how roots are offered. It reads all entries when one of them is not
// on offer.
func (n *Node) offerings(roots []cid.Cid) (map[cid.Cid]offering, error) {
	names, all := map[catalog.Short]int{}, map[cid.Cid]offering{}
	for _, r := range roots {
		names[catalog.ShortOf(r)], all[r] = 1, offering{}
	}
	for e, err := range n.catalog.OffersOf(names) {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		s, asked := all[e.Root]
		switch {
		case !asked:
			continue
		case n.refused(e.Author):
			s.refused = true
		case !s.offered() || e.Author == n.id:
			s.offer = e
		}
		all[e.Root] = s
	}
	missing := false
	for _, s := range all {
		missing = missing || !s.offered()
	}
	if !missing {
		return all, nil
	}
	for e, err := range n.catalog.Entries() {
		if err != nil {
			return nil, fmt.Errorf("read the catalogue: %w", err)
		}
		if s, asked := all[e.Root]; asked {
			s.was = true
			s.refused = s.refused || n.refused(e.Author)
			all[e.Root] = s
		}
	}
	return all, nil
}
