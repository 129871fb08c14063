"""The laboratory behind tools/lab, with nothing but Python's standard library.

topology     who is there, with which addresses (pure data)
network      namespaces, bridges and links made from the topology
servers      nginx and MariaDB, each in its namespace
config       the configuration files of the two appliances
appliance    one node under test: start, stop, kill, status
ucarp        Debian's ucarp in the place of a node
load, probes the traffic: wrk, the mariadb client, and clients of our own that measure
measure      what the measurements mean (pure)
lab          all of it together: up, down
scenarios/   one file per scenario
cli          what the user types
"""
