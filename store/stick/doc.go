// Package stick reads and writes what a drive carries by hand from node to node: the folder savoirs/ on it, with
// blocks of items in packs, sealed entries of the catalogue, and letters of nodes, all named by a signed MANIFEST that
// is written last. docs/format.md tells it byte for byte.
//
// It knows files, hashes and limits, and nobody else of this project: blocks come and go by CID, entries and holdings
// as the sealed bytes they are. Who wrote the MANIFEST vouches for the list only; content is checked by its hash, and
// each letter by the signature of its author.
//
//	s, err := stick.Open("/media/cle")            // to read: nothing is ever written
//	w, err := stick.OpenWriter("/media/cle", …)   // to write: Put…, then Commit
//
// A drive is as hostile as a peer: names are opened below its folder only, regular files only, no size is believed
// beyond its limit, and no folder is listed to read.
package stick
