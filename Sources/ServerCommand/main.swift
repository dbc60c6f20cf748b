import DiTServer
print(test())
