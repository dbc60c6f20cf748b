import Hummingbird
package func test() -> Int { PackageResources.page_html.count }
