// SPDX-License-Identifier: Apache-2.0

package host

import "encoding/binary"

// The limits of lists of pairs that a filter passes. Longer ones are taken as empty, as Envoy does.
const (
	maxPairsBytes = 1 << 20
	maxPairs      = 1024
)

// encodePairs writes pairs as filters read them: their number, the sizes of each, then each name and value with a zero.
func encodePairs(pairs [][2]string) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(len(pairs)))
	for _, p := range pairs {
		out = binary.LittleEndian.AppendUint32(out, uint32(len(p[0])))
		out = binary.LittleEndian.AppendUint32(out, uint32(len(p[1])))
	}
	for _, p := range pairs {
		out = append(append(out, p[0]...), 0)
		out = append(append(out, p[1]...), 0)
	}
	return out
}

// decodePairs reads pairs that a filter wrote. It returns none for what is not well formed, as Envoy does.
func decodePairs(data []byte) [][2]string {
	if len(data) < 4 || len(data) > maxPairsBytes {
		return nil
	}
	count := binary.LittleEndian.Uint32(data)
	sizes := data[4:]
	if count > maxPairs || len(sizes) < int(count)*8 {
		return nil
	}
	content := sizes[count*8:]
	pairs := make([][2]string, count)
	for i := range pairs {
		for part := range pairs[i] {
			size := uint64(binary.LittleEndian.Uint32(sizes[i*8+part*4:]))
			if uint64(len(content)) < size+1 || content[size] != 0 {
				return nil
			}
			pairs[i][part] = string(content[:size])
			content = content[size+1:]
		}
	}
	if len(content) > 0 {
		return nil
	}
	return pairs
}

// pairsCost is what a list costs the host.
func pairsCost(pairs [][2]string) int {
	cost := 0
	for _, p := range pairs {
		cost += entryCost + len(p[0]) + len(p[1])
	}
	return cost
}
