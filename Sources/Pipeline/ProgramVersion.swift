/// Of `dit-t2i`, as pictures record it.
package let programVersion = "0.1.0"
