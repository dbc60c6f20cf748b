print("dit-t2i")
